"""What a file's looks may lead to is said once, for ever, in the log, and by whoever may say it."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction

from accounts.audit import SHELL
from accounts.models import AuditEvent
from holdout.errors import Conflict
from ledger.models import LogEntry, Opening
from registry.models import Asset, Declarant, Standing
from registry.services import set_standing
from tests.factories import fingerprinted_work, settle

pytestmark = pytest.mark.django_db
DIGEST = b"\x5a" * 32


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("set_standing", *arguments, stdout=out)
    return out.getvalue()


def asset_of(declarant: Declarant) -> Asset:
    return fingerprinted_work(declarant, {"sha256": DIGEST}).assets.get()


def test_a_standing_stands_in_the_log_with_its_reason(alice: Declarant) -> None:
    asset = asset_of(alice)
    word, reason = Standing.Word.GONE, Standing.Reason.ERASED
    assert set_standing(asset=asset, standing=word, reason=reason, by=SHELL)
    settle()
    said = Standing.objects.get()
    assert LogEntry.objects.get(record_id=said.public_id).entry_type == "standing"
    assert Opening.objects.get(record_id=said.public_id).record == {
        "standing": said.public_id,
        "asset": asset.public_id,
        "word": "gone",
        "reason": "erased",
    }


def test_a_standing_cannot_be_changed_or_deleted(alice: Declarant) -> None:
    set_standing(asset=asset_of(alice), standing=Standing.Word.GONE, reason=Standing.Reason.STAFF, by=SHELL)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Standing.objects.update(standing="live")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        Standing.objects.get().delete()


def test_the_shell_names_a_file_by_its_digest_and_means_all_who_registered_it(
    alice: Declarant, bob: Declarant
) -> None:
    assets = [asset_of(declarant) for declarant in (alice, bob)]
    said = command(DIGEST.hex(), "quarantined", "--reason", "staff")
    assert said == "".join(f"{asset}: quarantined\n" for asset in assets)
    assert [s.asset for s in Standing.objects.order_by("pk")] == assets
    assert AuditEvent.objects.filter(what="shell:asset:made_quarantined").count() == 2
    assert command(DIGEST.hex(), "quarantined") == "".join(f"{a}: quarantined already\n" for a in assets)
    assert Standing.objects.count() == 2


def test_the_shell_names_one_asset_by_its_id(alice: Declarant, bob: Declarant) -> None:
    asset, other = asset_of(alice), asset_of(bob)
    command(asset.public_id, "gone")
    assert not other.standings.exists()
    assert asset.standings.get().reason == "staff"


@pytest.mark.parametrize("name", ["00" * 32, "ast_aaaaaaaaaaaaaaaaaaaaaaaaaa", "nonsense"])
def test_the_shell_says_what_it_does_not_know(alice: Declarant, name: str) -> None:
    asset_of(alice)
    with pytest.raises(CommandError):
        command(name, "gone")
    assert not Standing.objects.exists()


def test_a_file_without_fingerprints_has_no_standing(alice: Declarant) -> None:
    asset = asset_of(alice)
    asset.state = Asset.State.RECEIVED
    asset.save()
    with pytest.raises(Conflict, match="asset_not_registered"):
        set_standing(asset=asset, standing=Standing.Word.GONE, reason=Standing.Reason.STAFF, by=SHELL)
    assert not Standing.objects.exists()
