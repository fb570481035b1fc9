"""Writing: declare, supersede, withdraw. One declaration is one transaction: statement and log outbox."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from consent.models import Statement
from holdout.errors import Conflict, InvalidInput, NotPermitted
from holdout.resolution import LEAST_ASSURANCE, Assurance
from holdout.verdicts import MatchMethod
from holdout.vocabulary import Preference, Preferences, UsageCategory
from ledger.models import Log
from ledger.services import append_many
from registry.models import Declarant, Locator, Work
from registry.queries import locator_assurances

Subject = Work | Locator


def declare(
    *,
    declarant: Declarant,
    subject: Subject,
    preferences: Preferences,
    terms_url: str = "",
    vouched: bool = False,
) -> Statement:
    """Say `preferences` about `subject`, superseding what the declarant said about it before.

    It is in force from its log index (`ledger.services.wait_for_entry`). Raises `NotPermitted`
    (`not_your_subject`, `control_not_proven`, `own_act_needed`) and `Conflict` (`said_meanwhile`) when
    another declaration about the same subject got in between.
    """
    return declare_many(
        declarant=declarant,
        subjects=[subject],
        preferences=preferences,
        terms_url=terms_url,
        vouched=vouched,
    )[0]


def withdraw(*, statement: Statement) -> Statement:
    """Take a statement back: a new one that sets nothing supersedes it. The history stays."""
    subject = statement.work or statement.locator
    assert subject is not None  # noqa: S101 - held by the constraint statement_one_subject
    return declare(declarant=statement.declarant, subject=subject, preferences={})


def declare_many(
    *,
    declarant: Declarant,
    subjects: Sequence[Subject],
    preferences: Preferences,
    terms_url: str = "",
    vouched: bool = False,
) -> list[Statement]:
    """`declare` the same about many subjects, all or none."""
    _refuse_what_is_not_theirs(declarant, subjects, preferences, vouched=vouched)
    try:
        with transaction.atomic():
            before = standing_statements(declarant, subjects)
            statements = Statement.objects.bulk_create(
                [
                    Statement(
                        declarant=declarant,
                        work=subject if isinstance(subject, Work) else None,
                        locator=subject if isinstance(subject, Locator) else None,
                        supersedes=before.get((type(subject), subject.pk)),
                        terms_url=terms_url,
                        vouched=vouched,
                        **{use.value: preferences.get(use, "") for use in UsageCategory},
                    )
                    for subject in subjects
                ],
                batch_size=1_000,
            )
            append_many(
                log=Log.DECLARATIONS,
                entry_type="statement",
                records={statement.public_id: _record(statement) for statement in statements},
            )
    except IntegrityError as error:
        if not _came_second(error):
            raise
        raise Conflict(
            "said_meanwhile", "Another declaration about this came first; look at it and say yours again."
        ) from error
    return statements


def _came_second(error: IntegrityError) -> bool:
    """Whether the constraints that keep one chain of statements refused, and not some other."""
    refused = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
    return refused.startswith("statement_first_on_") or "supersedes" in refused


def only_restricts(preferences: Preferences) -> bool:
    """Whether it says something, and permits nothing."""
    return bool(preferences) and Preference.ALLOW not in preferences.values()


def own_act_needed() -> NotPermitted:
    """What only the person may do who is spoken for."""
    return NotPermitted(
        "own_act_needed",
        "For somebody else one may only restrict. To permit, loosen or withdraw, hand over to the person.",
    )


def _refuse_what_is_not_theirs(
    declarant: Declarant, subjects: Sequence[Subject], preferences: Preferences, *, vouched: bool
) -> None:
    if len({(type(subject), subject.pk) for subject in subjects}) < len(subjects):
        raise InvalidInput("subject_twice", "Declare once about each subject.")
    if any(subject.declarant_id != declarant.pk for subject in subjects):
        raise NotPermitted("not_your_subject", "Only the declarant who registered it can declare about it.")
    if declarant.spoken_for and not (vouched and only_restricts(preferences)):
        raise own_act_needed()
    locators = [subject for subject in subjects if isinstance(subject, Locator)]
    proven = locator_assurances([locator.pk for locator in locators])
    for locator in locators:
        needed = LEAST_ASSURANCE[MatchMethod(locator.kind)]
        if proven.get(locator.pk, Assurance.L0) < needed:
            raise NotPermitted(
                "control_not_proven", f"Prove control of {locator.target} first (level {needed.name})."
            )


def standing_statements(
    declarant: Declarant, subjects: Sequence[Subject]
) -> dict[tuple[type[Subject], int], Statement]:
    """The declarant's statements that nothing supersedes yet, by subject, sequenced or not."""
    works = [subject.pk for subject in subjects if isinstance(subject, Work)]
    locators = [subject.pk for subject in subjects if isinstance(subject, Locator)]
    unsuperseded = Statement.objects.filter(declarant=declarant, superseded_by=None)
    return {
        **{(Work, s.work_id): s for s in unsuperseded.filter(work__in=works) if s.work_id},
        **{(Locator, s.locator_id): s for s in unsuperseded.filter(locator__in=locators) if s.locator_id},
    }


def _record(statement: Statement) -> dict[str, Any]:
    """What the log commits to: everything that the statement says, and nothing about a person."""
    if statement.work is not None:
        subject = {"type": "work", "work": statement.work.public_id}
    else:
        assert statement.locator is not None  # noqa: S101 - statement_one_subject
        subject = {"type": "locator", "locator": statement.locator.public_id, "key": statement.locator.key}
    return {
        "statement": statement.public_id,
        "declarant": statement.declarant.public_id,
        "subject": subject,
        "preferences": {use.value: said for use in UsageCategory if (said := getattr(statement, use.value))},
        "terms_url": statement.terms_url,
        "vouched": statement.vouched,
        "supersedes": statement.supersedes.public_id if statement.supersedes else None,
    }
