"""The policy behind a `tdm-policy`: an ODRL 2.2 Offer in TDMRep's profile."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from holdout.carriers.reading import LIMIT
from holdout.signals import Note

PARSER: Final = 1
NOTES: Final = {
    "odrl_unreadable": "The policy cannot be read, so its conditions are unknown; ask whoever reserves."
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
    try:
        policy = json.loads(read_) if len(read_) <= LIMIT else None
    except (ValueError, RecursionError):
        policy = None
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
    )


def _contacts(assigner: Mapping[str, Any]) -> Iterator[str]:
    for name in ("vcard:hasEmail", "vcard:hasURL", "vcard:hasTelephone", "uid"):
        if text := _text(assigner.get(name)):
            yield text


def _purposes(permission: Mapping[str, Any]) -> Iterator[str]:
    for constraint in _objects(permission.get("constraint")):
        purpose = _text(constraint.get("rightOperand"))
        if constraint.get("leftOperand") == "purpose" and purpose in _PURPOSES:
            yield purpose


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """JSON-LD writes one as itself, and several as a list."""
    for each in value if isinstance(value, list) else [value]:
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
