"""Files that stay on their creator's device: what their digests and codes may lead to."""

import pytest
from PIL import Image, ImageEnhance

from consent.services import declare, withdraw
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.generic import icons
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import MatchMethod, Outcome, Query, Verdict
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry.models import Authorization, Declarant, Fingerprint, Lapse
from registry.services import authorize_locators, register_locators
from registry.unseen import Codes, register_unseen
from registry.upkeep import lapse
from tests.factories import NO_AI, OPEN, registered_picture, settle
from tests.holdout.painted import painted
from tests.lookup.test_near import png

pytestmark = pytest.mark.django_db
PICTURE = png(painted(2))
ALTERED = png(ImageEnhance.Brightness(painted(2).resize((300, 225))).enhance(1.1))
CROPPED = png(painted(2).crop((100, 50, 420, 290)))


def codes_of(picture: bytes) -> Codes:
    taken = fingerprint_picture(picture, query=False)
    assert taken.phash is not None
    assert taken.pdq is not None
    return Codes(taken.phash, taken.pdq, taken.width, taken.height)


def reserve_unseen(declarant: Declarant, picture: bytes, *, original: bytes | None = None) -> None:
    asset = register_unseen(
        declarant=declarant, title="", original=original or sha256(picture), codes=codes_of(picture)
    )
    declare(declarant=declarant, subject=asset.work, preferences=NO_AI)
    settle()


def prove_an_account(declarant: Declarant) -> Authorization:
    (place,) = register_locators(declarant=declarant, targets=[(KeyKind.PATH, "https://alice.lofter.com/")])
    (proof,) = authorize_locators(
        declarant=declarant, locators=[place], level=Assurance.L2, method="operator"
    )
    settle()
    return proof


def ask(picture: bytes) -> Verdict:
    (verdict,) = answer([Query(fingerprints=fingerprint_picture(picture, query=True))])
    return verdict


def said(picture: bytes) -> tuple[Outcome, list[str]]:
    verdict = ask(picture)
    return verdict.uses[UsageCategory.TRAIN_GEN], [reason.method for reason in verdict.reasons]


def test_the_very_file_is_denied_and_what_looks_like_it_is_not_found(alice: Declarant) -> None:
    reserve_unseen(alice, PICTURE)
    assert said(PICTURE) == (Outcome.DENY, [MatchMethod.EXACT_FILE])
    assert said(ALTERED) == (Outcome.UNKNOWN, [])


def test_who_controls_an_account_has_copies_reviewed_and_no_more(alice: Declarant) -> None:
    reserve_unseen(alice, PICTURE)
    proof = prove_an_account(alice)
    assert said(PICTURE)[0] is Outcome.DENY
    assert said(ALTERED) == (Outcome.REVIEW, [MatchMethod.CODES])
    assert [reason.assurance for reason in ask(ALTERED).reasons] == [Assurance.L1]
    assert said(CROPPED) == (Outcome.UNKNOWN, [])

    lapse(proof, reason=Lapse.Reason.STAFF)
    settle()

    assert said(ALTERED) == (Outcome.UNKNOWN, [])


def test_a_withdrawal_counts_for_the_codes_as_well(alice: Declarant) -> None:
    prove_an_account(alice)
    asset = register_unseen(declarant=alice, title="", original=sha256(PICTURE), codes=codes_of(PICTURE))
    statement = declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    settle()
    assert said(ALTERED)[0] is Outcome.REVIEW
    withdraw(statement=statement)
    settle()
    assert said(ALTERED)[0] is Outcome.UNKNOWN


def test_nobody_permits_a_picture_that_only_they_have_seen(alice: Declarant) -> None:
    prove_an_account(alice)
    asset = register_unseen(declarant=alice, title="", original=sha256(PICTURE), codes=codes_of(PICTURE))
    declare(declarant=alice, subject=asset.work, preferences=OPEN)
    settle()
    assert said(PICTURE)[0] is Outcome.UNKNOWN
    assert said(ALTERED)[0] is Outcome.UNKNOWN


@pytest.mark.parametrize("first", ["upload", "word"])
def test_a_strangers_word_about_my_file_takes_nothing_from_what_i_uploaded(
    alice: Declarant, bob: Declarant, first: str
) -> None:
    """Not even with my file's digest: what I uploaded is found by its parts as before."""
    if first == "word":
        reserve_unseen(bob, png(painted(5)), original=sha256(PICTURE))
    asset = registered_picture(alice, PICTURE)
    declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    prove_an_account(alice)
    if first == "upload":
        reserve_unseen(bob, png(painted(5)), original=sha256(PICTURE))
    assert said(CROPPED) == (Outcome.DENY, [MatchMethod.PART_OF])


def test_what_everybody_shows_is_found_by_its_digest_alone(alice: Declarant) -> None:
    (taken, *_) = icons().values()
    assert taken.phash is not None
    assert taken.pdq is not None
    codes = Codes(taken.phash, taken.pdq, taken.width, taken.height)
    asset = register_unseen(declarant=alice, title="", original=taken.sha256, codes=codes)
    assert [row.algorithm for row in asset.fingerprints.all()] == ["sha256"]


def test_the_same_file_twice_is_one_work(alice: Declarant) -> None:
    first = register_unseen(declarant=alice, title="", original=sha256(PICTURE), codes=codes_of(PICTURE))
    again = register_unseen(declarant=alice, title="", original=sha256(PICTURE), codes=None)
    assert again == first
    assert Fingerprint.objects.filter(algorithm=Fingerprint.CODES).count() == 1


def test_a_mirror_image_is_found_too(alice: Declarant) -> None:
    prove_an_account(alice)
    reserve_unseen(alice, PICTURE)
    turned = png(painted(2).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert said(turned) == (Outcome.REVIEW, [MatchMethod.CODES])
