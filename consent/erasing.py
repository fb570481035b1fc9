"""What was declared by a person who wants to be forgotten: it stands, or it is withdrawn and then erased.

What they permitted is revoked first, before anything that it lifts is touched.
"""

from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.db.models import Q

from accounts.erasing import mark_done, organizations_of, running_for
from accounts.models import ErasureRequest, Organization
from consent.grants import revoke
from consent.models import Grant, Import, Intention, Revocation, Statement
from consent.services import declare_many
from holdout.errors import Conflict
from holdout.vocabulary import UsageCategory
from ledger.services import forget_records
from registry.erasing import in_blocks, in_the_index
from registry.models import Declarant

_AT_ONCE: Final = 200
_SAYS_NOTHING: Final = Q(**{use.value: "" for use in UsageCategory})


def erase() -> None:
    """Do our part of every request that has come to us; what has to wait is done the next time."""
    for erasure in running_for("consent"):
        organizations = list(organizations_of(erasure))
        _forget_what_is_to_come(organizations)
        _revoke_everything(organizations)
        if erasure.kind == ErasureRequest.Kind.KEEP or _erased(organizations):
            mark_done(erasure, "consent")


def _forget_what_is_to_come(organizations: Collection[Organization]) -> None:
    """Also where what was declared is to stay: nobody would be left who could think better of it."""
    Intention.objects.filter(
        Q(locator__declarant__organization__in=organizations) | Q(work__organization__in=organizations)
    ).delete()


def _revoke_everything(organizations: Collection[Organization]) -> None:
    """Also where what was declared is to stay: nobody would be left who could take a permission back."""
    standing = Grant.objects.filter(declarant__organization__in=organizations, revocation=None)
    for grants in in_blocks(standing):
        for grant in grants:
            revoke(grant=grant)


def _erased(organizations: Collection[Organization]) -> bool:
    """Whether everything is withdrawn, lookups know it, and no record of it can be opened any more."""
    try:
        for declarant in Declarant.objects.filter(organization__in=organizations):
            _withdraw_everything(declarant)
    except Conflict:  # somebody was quicker
        return False
    Import.objects.filter(declarant__organization__in=organizations).delete()
    statements = Statement.objects.filter(declarant__organization__in=organizations)
    grants = Grant.objects.filter(declarant__organization__in=organizations)
    revocations = Revocation.objects.filter(grant__in=grants)
    if not all(map(in_the_index, (statements, grants, revocations))):
        return False
    for said in (grants, revocations):
        forget_records(said.values_list("public_id", flat=True))
    for block in in_blocks(statements):
        with transaction.atomic():
            forget_records(statement.public_id for statement in block)
            named = [statement.pk for statement in block if statement.terms_url]
            # The one change that the database lets happen to a statement.
            Statement.objects.filter(pk__in=named).update(terms_url="")
    return True


def _withdraw_everything(declarant: Declarant) -> None:
    """By statements that set nothing, as `consent.services.withdraw` does, some at a time."""
    standing = Statement.objects.filter(declarant=declarant, superseded_by=None).exclude(_SAYS_NOTHING)
    standing = standing.select_related("work", "locator").order_by("pk")
    while block := list(standing[:_AT_ONCE]):
        subjects = [subject for s in block if (subject := s.work or s.locator) is not None]
        declare_many(declarant=declarant, subjects=subjects, preferences={})
