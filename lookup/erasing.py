"""Who asked about the works of a person who wants to be forgotten, and wrote: they alone could see it."""

from uuid import UUID

from accounts.erasing import mark_done, organizations_of, running_for
from consent.models import Statement
from holdout.ids import id_bits
from lookup.models import HitCount, Inquiry, Mute, NearHit
from registry.erasing import in_blocks


def erase() -> None:
    """Do our part of every request that has come to us."""
    for erasure in running_for("lookup"):
        organizations = list(organizations_of(erasure))
        for block in in_blocks(Statement.objects.filter(declarant__organization__in=organizations)):
            bits = [UUID(bytes=id_bits(statement.public_id)) for statement in block]
            HitCount.objects.filter(statement__in=bits).delete()
            NearHit.objects.filter(statement__in=bits).delete()
        Inquiry.objects.filter(statement__declarant__organization__in=organizations).delete()
        Inquiry.objects.filter(organization__in=organizations).delete()
        Mute.objects.filter(organization__in=organizations).delete()
        mark_done(erasure, "lookup")
