"""The policy behind a `tdm-policy`: an ODRL 2.2 Offer in TDMRep's profile."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from holdout.carriers.tdmrep import parsed
from holdout.signals import Note

PARSER: Final = 1
NOTES: Final = {
    "odrl_unreadable": "The policy cannot be read, so its conditions are unknown; ask whoever reserves.",
    "odrl_condition_unknown": "The policy has conditions beyond those of TDMRep; a person has to read it.",
}
_CONTEXT: Final = ["http://www.w3.org/ns/odrl.jsonld", "http://www.w3.org/ns/tdmrep.jsonld"]
_PROFILE: Final = "http://www.w3.org/ns/tdmrep"
CONSENT: Final = "obtainConsent"
COMPENSATE: Final = "compensate"
_PURPOSES: Final = frozenset({"tdm:research", "tdm:non-research"})


@dataclass(frozen=True, slots=True)
class Permission:
    """Mining is permitted if the duties are done, for the purposes that are named (none: for all)."""

    duties: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """Whom to ask, and what for."""

    name: str = ""
    contacts: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    notes: tuple[Note, ...] = ()


def read(read_: bytes) -> Policy:
    """Take a policy apart. What is broken has no conditions and a note; nothing in it permits by itself."""
    policy = parsed(read_)
    if not isinstance(policy, dict) or policy.get("@type") not in ("Offer", "odrl:Offer"):
        return Policy(notes=(Note("odrl_unreadable"),))
    assigner = policy.get("assigner")
    assigner = assigner if isinstance(assigner, dict) else {"uid": assigner}
    return Policy(
        name=_text(assigner.get("vcard:fn")),
        contacts=tuple(_contacts(assigner)),
        permissions=tuple(
            Permission(
                tuple(_text(duty.get("action")) for duty in _objects(permission.get("duty"))),
                tuple(_purposes(permission)),
            )
            for permission in _objects(policy.get("permission"))
            if permission.get("action") in ("tdm:mine", f"{_PROFILE}#mine")
        ),
        notes=(Note("odrl_condition_unknown"),) if _has_more(policy) else (),
    )


def _has_more(policy: Mapping[str, Any]) -> bool:
    """Whether it has conditions that `Permission` has no place for."""
    if any(policy.get(name) for name in ("prohibition", "obligation")):
        return True
    return any(
        not all(_is_purpose(constraint) for constraint in _listed(permission.get("constraint")))
        or not all(_is_duty(duty) for duty in _listed(permission.get("duty")))
        for permission in _objects(policy.get("permission"))
    )


def _is_purpose(constraint: Any) -> bool:
    wanted = ("purpose", "eq")
    return (
        isinstance(constraint, dict)
        and (constraint.get("leftOperand"), constraint.get("operator")) == wanted
        and _text(constraint.get("rightOperand")) in _PURPOSES
    )


def _is_duty(duty: Any) -> bool:
    return (
        isinstance(duty, dict) and duty.get("action") in (CONSENT, COMPENSATE) and duty.keys() == {"action"}
    )


def _contacts(assigner: Mapping[str, Any]) -> Iterator[str]:
    for name in ("vcard:hasEmail", "vcard:hasURL", "vcard:hasTelephone", "uid"):
        if text := _text(assigner.get(name)):
            yield text


def _purposes(permission: Mapping[str, Any]) -> Iterator[str]:
    for constraint in _objects(permission.get("constraint")):
        if _is_purpose(constraint):
            yield _text(constraint.get("rightOperand"))


def _listed(value: Any) -> Sequence[Any]:
    """JSON-LD writes one as itself, several as a list, and none not at all."""
    if value is None:
        return ()
    return value if isinstance(value, list) else [value]


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    for each in _listed(value):
        if isinstance(each, dict):
            yield each


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def write(*, uid: str, assigner: str, name: str, contact: str, duties: tuple[str, ...] = (CONSENT,)) -> bytes:
    """A policy under which mining needs these duties; it stands at `uid`, and `assigner` is the party's."""
    policy = {
        "@context": _CONTEXT,
        "@type": "Offer",
        "profile": _PROFILE,
        "uid": uid,
        "assigner": {"uid": assigner, "vcard:fn": name, "vcard:hasURL": contact},
        "permission": [{"action": "tdm:mine", "duty": [{"action": duty} for duty in duties]}],
    }
    return json.dumps(policy, indent=2, ensure_ascii=False).encode() + b"\n"
