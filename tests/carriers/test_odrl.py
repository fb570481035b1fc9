"""The policy behind a `tdm-policy`."""

import json
from typing import Any

import pytest

from holdout.carriers import odrl
from tests.carriers.mutations import mutations


def policy(**permission: Any) -> bytes:
    return json.dumps({"@type": "Offer", "permission": [{"action": "tdm:mine", **permission}]}).encode()


def codes(read: bytes) -> list[str]:
    return [note.code for note in odrl.read(read).notes]


def test_a_policy_is_written_in_the_reports_shape_and_read_back() -> None:
    written = odrl.write(
        uid="https://r.example/p/1",
        assigner="https://r.example/c/1",
        name="Qing",
        contact="https://r.example/c/1/ask",
        duties=(odrl.CONSENT, odrl.COMPENSATE),
    )
    policy = odrl.read(written)
    assert (policy.name, policy.contacts[0]) == ("Qing", "https://r.example/c/1/ask")
    assert policy.permissions == (odrl.Permission(("obtainConsent", "compensate"), ()),)
    assert json.loads(written)["@context"][1] == "http://www.w3.org/ns/tdmrep.jsonld"


def test_a_broken_policy_has_unknown_conditions() -> None:
    for _, changed in mutations([odrl.write(uid="u", assigner="a", name="n", contact="c")]):
        odrl.read(changed)
    for read in (b"", b"[]", b'{"@type": "Set"}', b"{" * 50_000):
        assert [note.code for note in odrl.read(read).notes] == ["odrl_unreadable"]


def purpose(operator: str, value: str) -> dict[str, str]:
    return {"leftOperand": "purpose", "operator": operator, "rightOperand": value}


def test_purposes_are_read_whether_one_or_several() -> None:
    for constraint in (purpose("eq", "tdm:research"), [purpose("eq", "tdm:research")]):
        read = odrl.read(policy(constraint=constraint))
        assert read.permissions == (odrl.Permission((), ("tdm:research",)),)
        assert read.notes == ()


@pytest.mark.parametrize(
    "permission",
    [
        {"constraint": purpose("neq", "tdm:research")},
        {"constraint": purpose("eq", "tdm:anything")},
        {"constraint": [purpose("eq", "tdm:research"), "spatial"]},
        {"duty": {"action": "attribute"}},
        {"duty": {"action": "compensate", "constraint": {"leftOperand": "payAmount"}}},
    ],
)
def test_conditions_that_tdmrep_does_not_know_are_not_passed_over_in_silence(permission: Any) -> None:
    assert codes(policy(**permission)) == ["odrl_condition_unknown"]
    assert "odrl_condition_unknown" in odrl.NOTES


def test_a_prohibition_in_the_policy_is_noted() -> None:
    assert codes(b'{"@type": "Offer", "prohibition": [{"action": "use"}]}') == ["odrl_condition_unknown"]


def test_no_context_is_fetched_or_needed() -> None:
    assert codes(policy().replace(b"{", b'{"@context": {"a": ["http://127.0.0.1:1/x"]}, ', 1)) == []
