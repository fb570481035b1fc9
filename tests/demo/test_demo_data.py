"""The demonstration's data: complete, licensed, and right by construction."""

import io
from collections import Counter

import imagehash
import numpy as np
import pytest
from PIL import Image

from demo import traffic
from demo.alterations import Copy, Kind, copies
from demo.pictures import FOLDER, registered, strangers
from demo.rules import rules
from holdout.fingerprints.distance import within_radius
from holdout.fingerprints.perceptual import phash_256_orientations
from holdout.fingerprints.picture import Gate
from holdout.fingerprints.quality import gate
from holdout.urls import KeyKind
from holdout.vocabulary import PRESETS


def test_there_are_5_000_rules_and_no_two_are_the_same() -> None:
    made = rules()
    assert len(made) == len({(rule.kind, rule.target, rule.declarant) for rule in made}) == 5_000
    # No host of the demonstration exists, so none is an image host.
    assert {rule.kind for rule in made} == set(KeyKind) - {KeyKind.PICTURE, KeyKind.ACCOUNT}
    assert {rule.preset for rule in made} == set(PRESETS)


def test_no_rule_names_a_host_that_could_exist() -> None:
    hosts = [rule.target.removeprefix("https://").partition("/")[0] for rule in rules()]
    assert all(host.endswith(".example") for host in hosts)


def test_the_committed_expectation_is_what_the_rows_were_built_for() -> None:
    assert traffic.EXPECTED.read_bytes() == traffic.expectation()
    assert len(traffic.expected_codes()) == traffic.ROWS


def test_the_rows_hold_hits_near_misses_dirt_and_rubbish() -> None:
    made = list(traffic.rows())
    intents = Counter(row.intent for row in made)
    assert all(intents[intent] >= 200 for intent in intents)
    assert sum(intents[i] for i in intents if i.startswith("near miss")) >= 3_000
    urls = [row.url or "" for row in made]
    assert any("evil-" in url for url in urls)
    assert any("/artist/" in url for url in urls)
    assert any("//sub." in url for url in urls)
    for dirt in ("HTTP://", "http://", ":443/", "@", "#top", "/%2e", "%61", "xn--", "\t", ".example./"):
        assert any(dirt in url for url in urls), dirt


def test_every_picture_has_a_source() -> None:
    sources = (FOLDER / "SOURCES.md").read_text()
    files = sorted(path.name for path in FOLDER.glob("*.jpg"))
    assert files == sorted(f"{picture.name}.jpg" for picture in (*registered(), *strangers()))
    assert all(f"`{name}`" in sources for name in files)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jpg")) < 1_500_000


@pytest.mark.slow
def test_altered_copies_lie_within_the_radius_and_strangers_do_not() -> None:
    opened = {picture: Image.open(io.BytesIO(picture.read())).convert("RGB") for picture in registered()}
    assert {gate(image.convert("L"), size=image.size) for image in opened.values()} == {Gate.OK}
    codes = [imagehash.phash(image, hash_size=16).hash.ravel() for image in opened.values()]
    known = np.packbits(np.array(codes), axis=1)
    for copy in copies():
        near = within_radius(codes=known, queries=_orientations(copy), radius=31)
        found = {list(opened)[index].name for index in near.code_index}
        assert found == (set() if copy.kind is Kind.STRANGER else {copy.picture.name}), copy.name


def _orientations(copy: Copy) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return phash_256_orientations(Image.open(io.BytesIO(copy.data)).convert("RGB"))
