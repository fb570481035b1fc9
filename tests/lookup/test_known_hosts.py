"""What is reserved on a known image host is found in every size, and whose it is counts as the URL says."""

import pytest

from consent.services import declare
from holdout.errors import InvalidInput, NotPermitted
from holdout.resolution import Assurance
from holdout.urls import KeyKind, url_key
from holdout.verdicts import MatchMethod, Outcome, Query, Verdict
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry.models import Declarant, Locator
from registry.services import register_locators
from tests.factories import NO_AI, OPEN, fingerprinted_work, place, reserve_place, settle

GEN = UsageCategory.TRAIN_GEN
PIN = "https://i.pinimg.com/{}/a7/7c/67/a77c67f95a4fec64de7969e98f29cf3b.{}"
WEIBO = "https://{}.sinaimg.cn/{}/63885668ly8fjf57kfmgfj20ro0ro0u7.jpg"
"""By the user 1669879400."""


def ask(**keys: str) -> Verdict:
    (verdict,) = answer([Query(**keys)])  # type: ignore[arg-type]
    return verdict


def test_a_url_of_a_known_host_is_the_place_of_its_picture(alice: Declarant) -> None:
    locator = place(alice, PIN.format("736x", "jpg"))
    assert (locator.kind, locator.key) == ("picture", "k pinterest:a77c67f95a4fec64de7969e98f29cf3b")
    assert locator.target == PIN.format("736x", "jpg")


def test_two_sizes_of_one_picture_are_one_place(alice: Declarant) -> None:
    first, second = register_locators(
        declarant=alice,
        targets=[
            (KeyKind.URL, PIN.format("736x", "jpg")),
            (KeyKind.PICTURE, PIN.format("originals", "png")),
        ],
    )
    assert first == second
    assert Locator.objects.count() == 1


def test_any_other_url_stays_the_place_of_itself(alice: Declarant) -> None:
    locator = place(alice, "https://alice.example/tide-300x200.jpg")
    assert (locator.kind, locator.key) == ("url", url_key("https://alice.example/tide-300x200.jpg").text)


@pytest.mark.parametrize(
    ("kind", "target", "code"),
    [
        (KeyKind.PICTURE, "https://alice.example/tide.jpg", "picture_host_unknown"),
        (KeyKind.PICTURE, "tide.jpg", "url_invalid"),
        (KeyKind.ACCOUNT, "pixiv:1", "account_unknown_platform"),
        (KeyKind.ACCOUNT, "weibo:alice", "account_malformed"),
        (KeyKind.ACCOUNT, "alice", "account_malformed"),
    ],
)
def test_what_is_no_picture_and_no_account_is_refused_and_nothing_is_written(
    alice: Declarant, kind: KeyKind, target: str, code: str
) -> None:
    good = (KeyKind.URL, "https://alice.example/tide.jpg")
    with pytest.raises(InvalidInput) as refused:
        register_locators(declarant=alice, targets=[good, (kind, target)])
    assert refused.value.code == code
    assert not Locator.objects.exists()


@pytest.mark.parametrize("size", ["originals", "736x", "236x", "75x75_RS"])
def test_a_reserved_picture_is_found_in_every_size(alice: Declarant, size: str) -> None:
    statement = reserve_place(alice, PIN.format("474x", "jpg"), level=Assurance.L0)
    verdict = ask(url=PIN.format(size, "jpg"))
    assert verdict.uses[GEN] is Outcome.DENY
    (reason,) = verdict.reasons
    assert (reason.source, reason.method) == (statement.public_id, MatchMethod.PICTURE)


def test_another_picture_of_the_host_is_not_found(alice: Declarant) -> None:
    reserve_place(alice, PIN.format("474x", "jpg"))
    other = "https://i.pinimg.com/474x/a7/7c/67/a77c67f95a4fec64de7969e98f29cf3c.jpg"
    assert ask(url=other).uses[GEN] is Outcome.UNKNOWN


def test_a_works_place_on_a_known_host_is_found_in_every_size(alice: Declarant) -> None:
    work = fingerprinted_work(alice, {"sha256": b"a" * 32})
    register_locators(declarant=alice, targets=[(KeyKind.URL, PIN.format("474x", "jpg"))], work=work)
    declare(declarant=alice, subject=work, preferences=NO_AI)
    settle()
    assert ask(url=PIN.format("originals", "png")).uses[GEN] is Outcome.DENY


def test_a_permission_for_a_picture_needs_proof_and_holds_for_every_size(
    alice: Declarant, bob: Declarant
) -> None:
    reserve_place(alice, PIN.format("474x", "jpg"), preferences=OPEN, level=Assurance.L1)
    assert ask(url=PIN.format("originals", "png")).uses[GEN] is Outcome.UNKNOWN
    reserve_place(bob, PIN.format("736x", "jpg"), preferences=OPEN, level=Assurance.L2)
    assert ask(url=PIN.format("originals", "png")).uses[GEN] is Outcome.ALLOW
    reserve_place(alice, PIN.format("236x", "jpg"), preferences=NO_AI, level=Assurance.L0)
    assert ask(url=PIN.format("originals", "png")).uses[GEN] is Outcome.DENY


def test_an_account_is_reserved_once_it_is_proven(alice: Declarant) -> None:
    with pytest.raises(NotPermitted) as refused:
        reserve_place(alice, "weibo:1669879400", kind=KeyKind.ACCOUNT, level=Assurance.L1)
    assert refused.value.code == "control_not_proven"
    reserve_place(alice, "weibo:1669879400", kind=KeyKind.ACCOUNT, level=Assurance.L2)
    verdict = ask(url=WEIBO.format("wx3", "orj360"))
    assert verdict.uses[GEN] is Outcome.DENY
    assert [reason.method for reason in verdict.reasons] == [MatchMethod.ACCOUNT]


def test_all_of_my_account_no_this_picture_yes(alice: Declarant) -> None:
    reserve_place(alice, "weibo:1669879400", kind=KeyKind.ACCOUNT, level=Assurance.L2)
    reserve_place(alice, WEIBO.format("wx1", "large"), preferences=OPEN, level=Assurance.L2)
    assert ask(url=WEIBO.format("ww4", "mw690")).uses[GEN] is Outcome.ALLOW
    sibling = "https://wx1.sinaimg.cn/large/63885668ly8fjf57kfmgfj20ro0ro0u8.jpg"
    assert ask(url=sibling).uses[GEN] is Outcome.DENY


def test_an_account_that_only_the_caller_names_restricts_and_never_permits(
    alice: Declarant, bob: Declarant
) -> None:
    reserve_place(alice, "weibo:1669879400", kind=KeyKind.ACCOUNT, preferences=OPEN, level=Assurance.L2)
    found = {"url": "https://mirror.example/a.jpg", "account": "weibo:1669879400"}
    assert ask(**found).uses[GEN] is Outcome.UNKNOWN
    reserve_place(bob, "weibo:1669879400", kind=KeyKind.ACCOUNT, level=Assurance.L2)
    verdict = ask(**found)
    assert verdict.uses[GEN] is Outcome.DENY
    assert {reason.method for reason in verdict.reasons} == {MatchMethod.PAGE}
