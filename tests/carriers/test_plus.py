"""PLUS Data Mining in pictures: read, and written without touching a pixel."""

import io
import struct
import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image

from holdout.carriers import containers, plus, xmp
from holdout.errors import InvalidInput
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from tests.carriers.mutated import never_permits
from tests.carriers.mutations import mutations
from tests.carriers.pictures import MARKABLE, frames, saved
from tests.carriers.vectors import VECTORS

USES = [UsageCategory(use) for use in VECTORS["plus_order"]]
DENY = Preference.DENY
NO_AI = PRESETS["no-ai"]


def packet(value: str, *, more: str = "", attribute: bool = False) -> bytes:
    inside = (
        f' plus:DataMining="{value}"/>'
        if attribute
        else f"><plus:DataMining>{value}</plus:DataMining>{more}</rdf:Description>"
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{xmp.RDF}"><rdf:Description rdf:about="" xmlns:plus="{plus.PLUS}"{inside}'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def said(read: bytes) -> Preferences:
    signal = plus.read(xmp.parse(read))
    return {} if signal is None else dict(signal.preferences)


def mark(file: bytes, preferences: Preferences = NO_AI, **fields: Any) -> bytes:
    given: dict[str, Any] = {
        "statement": "https://registry.example/w/ab12",
        "constraint": {"x-default": "No AI training & no copies", "zh-Hans": "禁止用于 AI 训练"},
    }
    return plus.mark(file, preferences, **given | fields)


def xmp_of(file: bytes) -> xmp.Xmp:
    found = containers.find_xmp(file)
    assert found is not None
    return xmp.parse(found)


@pytest.mark.parametrize(("label", "expected"), VECTORS["plus"])
def test_every_value_is_read_as_address_token_and_attribute(label: str, expected: list[str | None]) -> None:
    wanted = {use: value for use, value in zip(USES, expected, strict=True) if value}
    for value in (
        plus.VOCABULARY + label,
        label,
        label.lower(),
        f"https://ns.useplus.org/ldf/vocab/{label}/",
    ):
        assert said(packet(value)) == wanted
        assert said(packet(value, attribute=True)) == wanted


def test_english_labels_are_read() -> None:
    assert said(packet("Prohibited for Generative AI/ML training")) == {UsageCategory.TRAIN_GEN: DENY}


def test_an_unknown_value_says_nothing_and_two_count_together() -> None:
    signal = plus.read(xmp.parse(packet("DMI-MAYBE")))
    assert signal is not None
    assert not signal.preferences
    assert [note.code for note in signal.notes] == ["plus_value_unknown"]
    more = "<plus:DataMining>DMI-ALLOWED</plus:DataMining>"
    assert said(packet("DMI-PROHIBITED-AIMLTRAINING", more=more))[UsageCategory.TRAIN_GEN] is DENY


@pytest.mark.parametrize(
    "read",
    [
        b"",
        b"<x>",
        b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>',
        b"<a>" * 500 + b"</a>" * 500,
        b" " * 2_000_000,
    ],
)
def test_a_broken_packet_says_nothing_and_why(read: bytes) -> None:
    signal = plus.read(xmp.parse(read))
    assert signal is not None
    assert not signal.preferences
    assert [note.code for note in signal.notes] == ["xmp_unreadable"]


def test_a_packet_without_it_speaks_no_such_standard() -> None:
    assert plus.read(xmp.parse(packet("x").replace(b"DataMining", b"Other"))) is None


@pytest.mark.parametrize("form", MARKABLE)
def test_a_marked_copy_has_the_same_pixels_and_says_it(form: str) -> None:
    file = MARKABLE[form]()
    marked = mark(file, creator="Qing", policy="https://registry.example/p/ab12")
    assert frames(marked) == frames(file)
    assert mark(marked, creator="Qing", policy="https://registry.example/p/ab12") == marked
    found = xmp_of(marked)
    signal = plus.read(found)
    assert signal is not None
    assert [signal.preferences.get(use) for use in USES[:4]] == [DENY] * 4
    assert "https://registry.example/w/ab12" in signal.terms
    assert plus.tdm(found) == ("1", "https://registry.example/p/ab12")
    with Image.open(io.BytesIO(marked)) as image, Image.open(io.BytesIO(file)) as before:
        assert "DMI-PROHIBITED" in str(image.getxmp())
        assert dict(image.getexif()) == dict(before.getexif())
        for name in ("icc_profile", "comment", "Title", "dpi"):
            assert image.info.get(name) == before.info.get(name)


def test_what_stood_there_stays_and_an_old_value_goes() -> None:
    before = packet(
        "DMI-ALLOWED",
        more='<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq>'
        '</dc:creator><my:AIGC xmlns:my="urn:label">{"Label":"1"}</my:AIGC><!-- kept -->',
    )
    file = containers.place_xmp(saved("PNG"), before)
    marked = mark(file, creator="Qing")
    found = xmp_of(marked)
    assert found.values("http://purl.org/dc/elements/1.1/", "creator") == ("Ann",)
    assert found.values("urn:label", "AIGC") == ('{"Label":"1"}',)
    assert len(found.values(plus.PLUS, "DataMining")) == 1
    assert b"<!-- kept -->" in marked
    assert said(containers.find_xmp(marked) or b"")[UsageCategory.TRAIN_GEN] is DENY


def test_a_packet_that_cannot_be_read_is_not_thrown_away() -> None:
    file = containers.place_xmp(saved("JPEG"), b"<broken")
    with pytest.raises(InvalidInput, match="xmp_unreadable"):
        mark(file)


@pytest.mark.parametrize(
    ("uses", "label"),
    [
        ({"train_gen": "deny"}, "DMI-PROHIBITED-GENAIMLTRAINING"),
        ({"train_gen": "deny", "train_other": "deny"}, "DMI-PROHIBITED-AIMLTRAINING"),
        ({"ai_input": "deny"}, "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING"),
        ({"search": "deny"}, "DMI-PROHIBITED"),
        ({"train_gen": "conditional"}, "DMI-PROHIBITED-SEECONSTRAINT"),
        ({"train_gen": "allow"}, None),
        ({}, None),
    ],
)
def test_the_label_says_no_less_than_the_preferences(uses: Mapping[str, str], label: str | None) -> None:
    preferences = {UsageCategory(use): Preference(value) for use, value in uses.items()}
    assert plus.label_for(preferences) == label
    if label is None:
        with pytest.raises(InvalidInput, match="nothing_to_mark"):
            mark(saved("PNG"), preferences)


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP", "AVIF"])
def test_forms_that_cannot_be_marked_are_refused(form: str) -> None:
    with pytest.raises(InvalidInput, match="picture_not_markable"):
        mark(saved(form))


def test_a_file_with_a_manifest_is_left_alone() -> None:
    png = saved("PNG")
    body = b"caBX" + b"jumb"
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    jpeg = saved("JPEG")
    segment = b"\xff\xeb" + struct.pack(">H", 20) + b"JP" + b"\x00" * 16
    for file in (png[:33] + chunk + png[33:], jpeg[:2] + segment + jpeg[2:]):
        assert containers.has_manifest(file)
        with pytest.raises(InvalidInput, match="picture_has_manifest"):
            mark(file)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_cut_file_is_refused_or_marked_and_never_an_error(form: str) -> None:
    file = saved(form)
    for length in [*range(120), len(file) // 2, len(file) - 1]:
        assert containers.find_xmp(file[:length]) is None
        with suppress(InvalidInput):
            mark(file[:length])


def test_compressed_xmp_in_png_is_read_up_to_a_limit() -> None:
    png = saved("PNG")

    def with_text(text: bytes) -> bytes:
        body = b"iTXt" + b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(text)
        return (
            png[:33]
            + struct.pack(">I", len(body) - 4)
            + body
            + struct.pack(">I", zlib.crc32(body))
            + png[33:]
        )

    assert xmp_of(with_text(packet("DMI-PROHIBITED"))).values(plus.PLUS, "DataMining") == ("DMI-PROHIBITED",)
    assert len(containers.find_xmp(with_text(b" " * 50_000_000)) or b"") <= 1 << 20


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: plus.read(xmp.parse(read)),
        [packet(plus.VOCABULARY + "DMI-PROHIBITED"), packet("DMI-PROHIBITED-AIMLTRAINING", attribute=True)],
        spelt=lambda read: b"ALLOWED" in read.upper() or b"EXCEPT" in read.upper(),
    )


def test_no_broken_file_is_an_unknown_error() -> None:
    files = [mark(MARKABLE[form]()) for form in ("jpeg with exif", "png with text", "webp with exif")]
    for _, changed in mutations(files, count=3_000):
        containers.find_xmp(changed)
        containers.has_manifest(changed)
        with suppress(InvalidInput):
            mark(changed)
