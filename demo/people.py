"""The three people of the demonstration whom one click signs in. Nobody else can be signed in that way."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from allauth.account.models import EmailAddress

from accounts.audit import SYSTEM
from accounts.models import Membership, Organization, User
from accounts.services import issue_key, make_staff
from demo.seed import CREATORS, VENDOR


class Part(StrEnum):
    """Who somebody is in the demonstration."""

    CREATOR = "creator"
    VENDOR = "vendor"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Person:
    """An address, and the organisation for which that person acts; staff act for none."""

    email: str
    organization: str = ""
    side: Organization.Side | None = None


_PEOPLE: Final = {
    Part.CREATOR: Person("creator@demo.example", CREATORS, Organization.Side.CREATOR),
    Part.VENDOR: Person("vendor@demo.example", VENDOR, Organization.Side.VENDOR),
    Part.STAFF: Person("staff@demo.example"),
}


def seed_people() -> None:
    """Make the three. Doing it twice is harmless."""
    for part in Part:
        person(part)


def person(part: Part) -> User:
    """The one who plays `part`; made, with what they need, where they are missing."""
    known = _PEOPLE[part]
    user = User.objects.filter(email=known.email).first() or User.objects.create_user(known.email)
    EmailAddress.objects.get_or_create(
        user=user, email=known.email, defaults={"verified": True, "primary": True}
    )
    if known.side:
        organization, _ = Organization.objects.get_or_create(name=known.organization, side=known.side)
        Membership.objects.get_or_create(
            organization=organization, user=user, defaults={"role": Membership.Role.MANAGER}
        )
    else:
        make_staff(email=known.email, by=SYSTEM)
    return user


def fresh_key() -> str:
    """A key for the demonstration's vendor; those issued before keep working."""
    vendor, _ = Organization.objects.get_or_create(name=VENDOR, side=Organization.Side.VENDOR)
    return issue_key(organization=vendor, name="one click", by=SYSTEM)[1]
