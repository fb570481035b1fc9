"""What a platform or society says for somebody who gave it a mandate: it may restrict, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consent.models import Statement
from consent.services import Subject, declare_many, only_restricts, own_act_needed, standing_statements
from holdout.errors import HoldoutError
from holdout.fingerprints.algorithms import SHA256, parse_code
from holdout.urls import KeyKind, RuleKey
from holdout.vocabulary import Preference, Preferences, UsageCategory
from registry.mandates import holding
from registry.models import Declarant, Mandate, SubjectKind
from registry.quotas import refuse_beyond_quota
from registry.vouching import own_sites, users_key, vouch_for_files, vouch_for_places


@dataclass(frozen=True, slots=True)
class Item:
    """One subject, as it was named."""

    kind: SubjectKind
    target: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """What is said of an item: its subject's statement, and whether that was said before."""

    subject: Subject
    statement: Statement
    known: bool


_Read = RuleKey | bytes | HoldoutError
Standing = Mapping[tuple[type[Subject], int], Statement]
"""By its subject, what a declarant says of it."""
_STRICTNESS = {"": 0, Preference.ALLOW: 0, Preference.CONDITIONAL: 1, Preference.DENY: 2}


def register_for(
    *, mandate: Mandate, preferences: Preferences, items: Sequence[Item], now: datetime
) -> list[Vouched | HoldoutError]:
    """Say `preferences` of all items in the name of who gave the mandate; what cannot be read fails alone.

    Raises `NotPermitted`, and then nothing is said of any: `own_act_needed` where that would permit,
    loosen or take back anything that stands, and what `registry.mandates.holding` raises. And LimitReached.
    """
    if not only_restricts(preferences):
        raise own_act_needed()
    with transaction.atomic():
        held = holding(mandate=mandate, kinds={item.kind for item in items}, now=now)
        declarant = held.declarant
        sites = own_sites(held.organization)
        read = [_read(item, sites) for item in items]
        subjects = _subjects(declarant, items, read, now=now)
        distinct = list({_name(s): s for s in subjects if s is not None}.values())
        before = standing_statements(declarant, distinct)
        _refuse_loosening(before.values(), preferences)
        said = _say(declarant, distinct, preferences, before)
    return [_outcome(subject, of, said, before) for subject, of in zip(subjects, read, strict=True)]


def _read(item: Item, sites: frozenset[str]) -> _Read:
    """The item's key, or its file's digest, or why it has none."""
    try:
        if item.kind is SubjectKind.SHA256:
            return parse_code(SHA256.id, item.target)
        return users_key(KeyKind(item.kind.value), item.target, sites=sites)
    except HoldoutError as error:
        return error


def _subjects(
    declarant: Declarant, items: Sequence[Item], read: Sequence[_Read], *, now: datetime
) -> list[Subject | None]:
    """The subject of each item, registered where it was not; None for what could not be read."""
    keys = [(item.target, key) for item, key in zip(items, read, strict=True) if isinstance(key, RuleKey)]
    digests = {digest for digest in read if isinstance(digest, bytes)}
    refuse_beyond_quota(declarant=declarant, works=len(digests), addresses=len(keys), now=now)
    places = iter(vouch_for_places(declarant=declarant, keys=keys))
    works = vouch_for_files(declarant=declarant, digests=digests)
    return [
        next(places) if isinstance(key, RuleKey) else works[key] if isinstance(key, bytes) else None
        for key in read
    ]


def _refuse_loosening(standing: Iterable[Statement], preferences: Preferences) -> None:
    for before in standing:
        for use in UsageCategory:
            if _STRICTNESS[preferences.get(use, "")] < _STRICTNESS[getattr(before, use.value)]:
                raise own_act_needed()


def _say(
    declarant: Declarant, subjects: Sequence[Subject], preferences: Preferences, before: Standing
) -> Standing:
    """The statement of each subject: a new one where something else was said, or nothing."""
    new = [subject for subject in subjects if not _says(before.get(_name(subject)), preferences)]
    made = declare_many(declarant=declarant, subjects=new, preferences=preferences, vouched=True)
    return dict(before) | {_name(subject): said for subject, said in zip(new, made, strict=True)}


def _says(statement: Statement | None, preferences: Preferences) -> bool:
    return statement is not None and all(
        getattr(statement, use.value) == preferences.get(use, "") for use in UsageCategory
    )


def _outcome(
    subject: Subject | None, read: _Read, said: Standing, before: Standing
) -> Vouched | HoldoutError:
    if subject is None:
        assert isinstance(read, HoldoutError)  # noqa: S101 - what has no subject could not be read
        return read
    statement = said[_name(subject)]
    return Vouched(subject, statement, known=before.get(_name(subject)) == statement)


def _name(subject: Subject) -> tuple[type[Subject], int]:
    return type(subject), subject.pk
