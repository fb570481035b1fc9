"""Near copies, from the upload through sandbox, log and index to the answer."""

import io
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image, ImageOps

from accounts.audit import SHELL
from accounts.models import Organization
from consent.services import declare, withdraw
from holdout.errors import Unavailable
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.index.looks import likenesses
from holdout.index.pictures import PictureTable
from holdout.resolution import Assurance
from holdout.verdicts import Covered, MatchMethod, Outcome, Query, Seen, Status, Verdict
from holdout.vocabulary import UsageCategory
from lookup import indexing, near
from lookup.engine import answer
from registry.models import Asset, Declarant, Fingerprint, Standing
from registry.read_index import current_view, index_folder
from registry.services import set_standing
from tests.factories import NO_AI, looks_of, registered_picture, reserve_picture, reserve_work, settle
from tests.holdout.painted import painted

pytestmark = pytest.mark.django_db
GEN = UsageCategory.TRAIN_GEN


def png(image: Image.Image, *, level: int = 6) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=level)
    return out.getvalue()


PICTURE = png(painted(2))
CROPPED = png(painted(2).crop((100, 50, 420, 290)))


def ask(picture: bytes) -> Verdict:
    (verdict,) = answer([Query(fingerprints=fingerprint_picture(picture, query=True))])
    return verdict


def found(picture: bytes) -> tuple[Outcome, list[str]]:
    verdict = ask(picture)
    return verdict.uses[GEN], [reason.method for reason in verdict.reasons]


def stand(asset: Asset, word: str) -> None:
    set_standing(asset=asset, standing=Standing.Word(word), reason=Standing.Reason.STAFF, by=SHELL)
    settle()


def claimant(name: str) -> Declarant:
    organization = Organization.objects.create(name=name, side=Organization.Side.CREATOR)
    return Declarant.objects.create(organization=organization, name=name)


def quarantined() -> set[int]:
    """The assets of which that was said last."""
    last = Standing.objects.order_by("asset", "-pk").distinct("asset")
    return {said.asset_id for said in last if said.standing == Standing.Word.QUARANTINED}


@pytest.mark.parametrize(
    ("level", "expected"), [(Assurance.L1, Outcome.REVIEW), (Assurance.L2, Outcome.DENY)]
)
def test_a_part_of_a_picture_is_for_review_until_the_artist_is_proven(
    alice: Declarant, level: Assurance, expected: Outcome
) -> None:
    statement = reserve_picture(alice, PICTURE, level=level)
    verdict = ask(CROPPED)
    (reason,) = verdict.reasons
    assert verdict.uses[GEN] is expected
    assert (reason.source, reason.method) == (statement.public_id, MatchMethod.PART_OF)
    assert reason.assurance == level


def test_a_near_copy_says_how_it_shows_the_picture_and_no_more(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    copy = png(ImageOps.invert(ImageOps.mirror(painted(2))).resize((320, 240)))
    (reason,) = ask(copy).reasons
    assert reason.method == MatchMethod.SAME_PICTURE
    assert reason.seen in [Seen(True, True, covered) for covered in (Covered.HALF, Covered.MOST)]


def test_a_picture_inside_another_is_found(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    collage = painted(100, width=960, height=720)
    collage.paste(painted(2).resize((480, 360)), (300, 200))
    assert found(png(collage)) == (Outcome.REVIEW, [MatchMethod.CONTAINS])


def test_a_stranger_is_looked_up_and_unknown(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    verdict = ask(png(painted(50)))
    assert (verdict.status, verdict.uses[GEN], verdict.reasons) == (Status.CHECKED, Outcome.UNKNOWN, ())


def test_the_same_pixels_in_another_file_are_the_very_file(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    again = png(painted(2), level=1)
    assert again != PICTURE
    assert found(again) == (Outcome.DENY, [MatchMethod.EXACT_FILE])
    assert found(PICTURE) == (Outcome.DENY, [MatchMethod.EXACT_FILE])


def test_what_is_withdrawn_is_found_no_more(alice: Declarant) -> None:
    statement = reserve_picture(alice, PICTURE)
    assert found(CROPPED)[0] is Outcome.REVIEW
    withdraw(statement=statement)
    settle()
    assert found(CROPPED) == (Outcome.UNKNOWN, [])


def test_what_nobody_speaks_of_is_registered_and_says_nothing(alice: Declarant) -> None:
    asset = registered_picture(alice, PICTURE)
    settle()
    assert found(CROPPED) == (Outcome.UNKNOWN, [])
    declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    settle()
    assert found(CROPPED)[0] is Outcome.REVIEW


def test_a_standing_counts_from_its_log_entry_on_and_can_be_taken_back(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE, level=Assurance.L2)
    asset = Asset.objects.get()
    assert found(CROPPED) == (Outcome.DENY, [MatchMethod.PART_OF])
    stand(asset, "quarantined")
    assert found(CROPPED) == (Outcome.REVIEW, [MatchMethod.POSSIBLE])
    stand(asset, "gone")
    assert found(CROPPED) == (Outcome.UNKNOWN, [])
    assert found(PICTURE) == (Outcome.DENY, [MatchMethod.EXACT_FILE])
    stand(asset, "live")
    assert found(CROPPED) == (Outcome.DENY, [MatchMethod.PART_OF])


def test_an_index_from_scratch_finds_what_one_that_grew_finds(alice: Declarant, bob: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    reserve_picture(bob, png(painted(3)))
    gone = registered_picture(bob, png(painted(4)))
    declare(declarant=bob, subject=gone.work, preferences=NO_AI)
    stand(gone, "gone")
    asked = [CROPPED, *(png(painted(number).resize((320, 240))) for number in (2, 3, 4))]
    grown = [found(picture) for picture in asked]
    assert [outcome for outcome, _ in grown] == [Outcome.REVIEW] * 3 + [Outcome.UNKNOWN]
    for path in index_folder().iterdir():
        path.unlink()
    settle()
    assert [found(picture) for picture in asked] == grown


def test_many_files_of_pictures_are_merged_and_find_the_same(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "MERGE_PICTURES_AT", 3)
    for number in range(2, 8):
        reserve_picture(alice, png(painted(number)))
    assert 0 < len(current_view().pictures) <= 4
    for number in range(2, 8):
        assert found(png(painted(number).resize((320, 240)))) == (Outcome.REVIEW, [MatchMethod.SAME_PICTURE])


def test_forged_codes_are_for_review_at_most(alice: Declarant) -> None:
    """Somebody proven registers another's codes with keypoints of their own."""
    victim = fingerprint_picture(png(painted(3)), query=True)
    assert victim.phash is not None
    reserve_work(alice, {"phash-256/1": victim.phash}, level=Assurance.L3)
    assert found(png(painted(3))) == (Outcome.REVIEW, [MatchMethod.CODES])


def test_codes_of_either_algorithm_are_compared_by_themselves(alice: Declarant) -> None:
    codes = {"phash-256/1": bytes(range(32)), "pdq-256/1": bytes(range(32, 64))}
    reserve_work(alice, codes)
    for algorithm, code in codes.items():
        assert answer([Query(codes={algorithm: (code,)})])[0].uses[GEN] is Outcome.REVIEW
        other = {"phash-256/1": codes["pdq-256/1"], "pdq-256/1": codes["phash-256/1"]}[algorithm]
        assert answer([Query(codes={algorithm: (other,)})])[0].uses[GEN] is Outcome.UNKNOWN


@pytest.mark.parametrize("algorithm", ["sha256", "pixels-sha256/1", "iscc-instance-256/1"])
def test_any_exact_fingerprint_finds_the_very_file(alice: Declarant, algorithm: str) -> None:
    reserve_work(alice, {algorithm: b"e" * 32})
    others = {"sha256": b"1" * 32, "iscc-instance-256/1": b"2" * 32}
    asked = looks_of(others | {algorithm: b"e" * 32}, query=True)
    (verdict,) = answer([Query(fingerprints=asked)])
    assert [reason.method for reason in verdict.reasons] == [MatchMethod.EXACT_FILE]


def test_a_picture_that_cannot_be_compared_fails_alone(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve_picture(alice, PICTURE)
    broken, whole = (fingerprint_picture(picture, query=True) for picture in (PICTURE, CROPPED))
    compare: Callable[..., object] = likenesses

    def broken_down(panes: object, tables: object) -> object:
        if panes is broken.panes:
            raise np.linalg.LinAlgError("singular")
        return compare(panes, tables)

    monkeypatch.setattr(near, "likenesses", broken_down)
    failed, found = answer([Query(fingerprints=broken), Query(fingerprints=whole)])
    assert (failed.status, failed.error and failed.error.code) == (Status.FAILED, "picture_not_compared")
    assert found.uses[GEN] is Outcome.REVIEW


def test_near_matching_asks_the_database_nothing(
    alice: Declarant, django_assert_num_queries: Callable[[int], object]
) -> None:
    reserve_picture(alice, PICTURE)
    query = Query(fingerprints=fingerprint_picture(CROPPED, query=True), codes={"pdq-256/1": (bytes(32),)})
    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        assert answer([query])[0].uses[GEN] is Outcome.REVIEW


def test_three_equal_claims_on_one_file_put_it_into_quarantine(alice: Declarant, bob: Declarant) -> None:
    reserve_picture(alice, PICTURE, level=Assurance.L1)
    reserve_picture(bob, PICTURE)
    assert quarantined() == set()
    registered_picture(claimant("mallory"), png(painted(2), level=1))  # other bytes, the same pixels
    settle()
    assert quarantined() == set(Asset.objects.values_list("pk", flat=True))
    assert found(CROPPED) == (Outcome.REVIEW, [MatchMethod.POSSIBLE] * 2)


def test_one_party_that_registers_a_file_three_times_is_no_rival(alice: Declarant) -> None:
    for _ in range(3):
        reserve_picture(alice, PICTURE)
    assert quarantined() == set()


def test_strangers_do_not_quarantine_what_a_proven_artist_claims(alice: Declarant) -> None:
    reserve_picture(alice, PICTURE, level=Assurance.L2)
    for name in "abcd":
        registered_picture(claimant(name), PICTURE)
    settle()
    assert quarantined() == set()
    assert found(CROPPED)[0] is Outcome.DENY


def test_near_copies_are_claims_on_the_same_picture(alice: Declarant, bob: Declarant) -> None:
    reserve_picture(alice, PICTURE)
    reserve_picture(bob, png(painted(2).resize((600, 450))))
    registered_picture(claimant("mallory"), png(painted(2).resize((500, 375))))
    assert len(quarantined()) == 3
    settle()
    # What is in quarantine is still a claim to whoever comes later.
    registered_picture(claimant("another"), png(painted(2).resize((400, 300))))
    assert len(quarantined()) == 4


def test_without_an_index_exact_claims_are_compared_and_nothing_fails(
    alice: Declarant, bob: Declarant
) -> None:
    reserve_picture(alice, PICTURE)
    registered_picture(bob, PICTURE)
    with patch("registry.rivals.current_view", side_effect=Unavailable("index_stale", "old")):
        asset = registered_picture(claimant("mallory"), PICTURE)
    assert asset.state == Asset.State.FINGERPRINTED
    assert len(quarantined()) == 3


def test_what_staff_found_to_be_live_is_not_quarantined_by_further_claims(
    alice: Declarant, bob: Declarant
) -> None:
    assets = [registered_picture(who, PICTURE) for who in (alice, bob, claimant("mallory"))]
    assert len(quarantined()) == 3
    stand(assets[0], "live")
    registered_picture(claimant("another"), PICTURE)
    settle()
    assert assets[0].pk not in quarantined()
    assert Standing.objects.filter(asset__pk__gt=assets[2].pk).count() == 0


def test_a_picture_has_its_exact_fingerprints_as_rows_and_its_looks_as_one_value(alice: Declarant) -> None:
    asset = registered_picture(alice, PICTURE)
    rows = dict(Fingerprint.objects.values_list("algorithm", "value"))
    taken = fingerprint_picture(PICTURE, query=False)
    assert {name: bytes(value) for name, value in rows.items()} == {
        "sha256": taken.sha256,
        "pixels-sha256/1": taken.pixels,
        "iscc-instance-256/1": taken.iscc_instance,
        "iscc-image-256/1": taken.iscc_image,
    }
    assert bytes(asset.looks.value) == taken.to_bytes()


def test_a_base_is_built_of_several_blocks(alice: Declarant, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        reserve_work(alice, {"phash-256/1": bytes([number * 17]) * 32})
    monkeypatch.setattr(indexing, "_PICTURES_AT_ONCE", 2)
    for path in index_folder().iterdir():
        path.unlink()
    settle()
    (table,) = current_view().pictures
    assert isinstance(table, PictureTable)
    assert table.assets == 5
