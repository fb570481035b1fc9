"""The creators' side of the demonstration: what they register and reserve before the vendor comes.

Seeding twice is harmless: what stands already is left alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256

from accounts.models import Organization
from accounts.services import issue_key
from consent.models import Statement
from consent.services import declare, declare_many, withdraw
from demo.pictures import Picture, registered
from demo.rules import DemoRule, rules
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.vocabulary import PRESETS
from ledger.models import LogEntry
from ledger.services import wait_for_entry
from lookup.indexing import wait_until_indexed
from registry.models import Declarant, Fingerprint
from registry.services import authorize_locators, await_fingerprints, receive_picture, register_locators

CREATORS = "Demonstration: creators"
VENDOR = "Demonstration: vendor"
_SEQUENCING_SECONDS = 60.0

Advance = Callable[[int], None]


def vendor_key() -> str:
    """A key for the demonstration's vendor."""
    vendor, _ = Organization.objects.get_or_create(name=VENDOR, side=Organization.Side.VENDOR)
    return issue_key(organization=vendor, name="demonstration")[1]


def seed_pictures(*, advance: Advance) -> None:
    """Register the pictures as an upload does, with real workers; each waits for its log entry."""
    declarant = _declarant("linnea")
    for picture in registered():
        if not _is_registered(declarant, picture):
            asset = receive_picture(declarant=declarant, title=picture.title, picture=picture.read())
            asset = await_fingerprints(asset=asset)
            _logged(declare(declarant=declarant, subject=asset.work, preferences=PRESETS[picture.preset]))
        advance(1)


def seed_rules(*, advance: Advance) -> None:
    """Reserve the places. The operator vouches for control, since these hosts exist nowhere."""
    groups: dict[tuple[str, str], list[DemoRule]] = defaultdict(list)
    for rule in rules():
        groups[rule.declarant, rule.preset].append(rule)
    last = None
    for (name, preset), group in groups.items():
        declarant = _declarant(name)
        locators = register_locators(
            declarant=declarant, targets=[(KeyKind(rule.kind), rule.target) for rule in group]
        )
        new = [locator for locator in locators if not locator.statements.exists()]
        authorize_locators(declarant=declarant, locators=new, level=Assurance.L3, method="operator")
        if new:
            last = declare_many(declarant=declarant, subjects=new, preferences=PRESETS[preset])[-1]
        advance(len(group))
    if last is not None:
        _await(last)


@contextmanager
def sabotage() -> Iterator[None]:
    """Withdraw one rule that the traffic meets, and put it back in the end."""
    rule = next(rule for rule in rules() if rule.kind == KeyKind.DOMAIN and rule.preset == "no-ai")
    declarant = _declarant(rule.declarant)
    (locator,) = register_locators(declarant=declarant, targets=[(KeyKind(rule.kind), rule.target)])
    _await(withdraw(statement=Statement.objects.get(locator=locator, superseded_by=None)))
    try:
        yield
    finally:
        _await(declare(declarant=declarant, subject=locator, preferences=PRESETS[rule.preset]))


def _declarant(name: str) -> Declarant:
    creators, _ = Organization.objects.get_or_create(name=CREATORS, side=Organization.Side.CREATOR)
    return Declarant.objects.get_or_create(organization=creators, name=name)[0]


def _is_registered(declarant: Declarant, picture: Picture) -> bool:
    digest = sha256(picture.read()).digest()
    return Fingerprint.objects.filter(
        algorithm="sha256", value=digest, asset__work__declarant=declarant
    ).exists()


def _logged(statement: Statement) -> LogEntry:
    return wait_for_entry(record_id=statement.public_id, timeout_seconds=_SEQUENCING_SECONDS)


def _await(statement: Statement) -> None:
    """Until lookups speak of it, and of all that came before."""
    wait_until_indexed(_logged(statement).index, timeout_seconds=_SEQUENCING_SECONDS)
