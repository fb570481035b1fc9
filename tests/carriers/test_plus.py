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
    (packet,) = containers.find_xmp(file).found
    return xmp.parse(packet)


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
    assert plus.tdm(found) == (["1"], ["https://registry.example/p/ab12"])
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
    assert said(*containers.find_xmp(marked).found)[UsageCategory.TRAIN_GEN] is DENY


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
        ({"train_gen": "deny", "train_other": "conditional"}, "DMI-PROHIBITED-AIMLTRAINING"),
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
    segment = b"\xff\xeb" + struct.pack(">H", 20) + b"JP" + b"c2pa" * 4
    for file in (png[:33] + chunk + png[33:], jpeg[:2] + segment + jpeg[2:]):
        assert containers.has_manifest(file)
        with pytest.raises(InvalidInput, match="picture_has_manifest"):
            mark(file)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_cut_file_is_refused_or_marked_and_never_an_error(form: str) -> None:
    file = saved(form)
    for length in [*range(120), len(file) // 2, len(file) - 1]:
        assert containers.find_xmp(file[:length]).found == ()
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
    assert containers.find_xmp(with_text(b" " * 50_000_000)) == containers.Packets((), whole=False)


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


def test_of_two_packets_both_are_read_and_neither_is_thrown_away() -> None:
    jpeg = containers.place_xmp(saved("JPEG"), packet("DMI-ALLOWED"))
    other = b"http://ns.adobe.com/xap/1.0/\x00" + packet("DMI-PROHIBITED")
    doubled = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(other) + 2) + other + jpeg[2:]
    signal = plus.read(xmp.parse_all(containers.find_xmp(doubled).found))
    assert signal is not None
    assert signal.preferences[UsageCategory.TRAIN_GEN] is DENY
    with pytest.raises(InvalidInput, match="xmp_unreadable"):
        mark(doubled)


def test_marking_again_takes_back_what_is_no_longer_said() -> None:
    first = mark(saved("PNG"), PRESETS["licence-first"], policy="https://registry.example/p")
    assert plus.tdm(xmp_of(first)) == (["1"], ["https://registry.example/p"])
    assert plus.tdm(xmp_of(mark(first))) == (["1"], [])
    search = {UsageCategory.SEARCH: DENY}
    assert plus.tdm(xmp_of(mark(first, search))) == ([], [])


def test_of_several_reservations_one_reserves() -> None:
    more = '<t:reservation xmlns:t="http://www.w3.org/ns/tdmrep/">0</t:reservation>'
    more += '<u:reservation xmlns:u="http://www.w3.org/ns/tdmrep#">1</u:reservation>'
    assert plus.tdm(xmp.parse(packet("DMI-ALLOWED", more=more)))[0] == ["0", "1"]


def test_a_thousand_permissions_hide_no_refusal() -> None:
    more = "<plus:DataMining>DMI-ALLOWED</plus:DataMining>" * 1_000
    more += "<plus:DataMining>DMI-PROHIBITED</plus:DataMining>"
    assert Preference.ALLOW not in said(packet("DMI-ALLOWED", more=more)).values()


@pytest.mark.parametrize("value", ["http://evil.example/not/DMI-ALLOWED", "DMI-MAYBE"])
def test_a_value_that_nobody_understands_permits_nothing_beside_it(value: str) -> None:
    more = f"<plus:DataMining>{value}</plus:DataMining>"
    assert said(packet("DMI-ALLOWED", more=more)) == {}


def test_utf_16_and_structured_values_are_read() -> None:
    text = packet("DMI-PROHIBITED").decode().removeprefix("\ufeff")
    assert said(text.encode("utf-16"))[UsageCategory.TRAIN_GEN] is DENY
    inner = "<rdf:Description><rdf:value>DMI-PROHIBITED</rdf:value></rdf:Description>"
    assert said(packet(inner))[UsageCategory.TRAIN_GEN] is DENY


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "two\nlines"])
def test_text_that_no_packet_can_carry_is_refused(text: str) -> None:
    for fields in ({"statement": text}, {"creator": text}):
        with pytest.raises(InvalidInput, match="text_not_printable"):
            mark(saved("PNG"), NO_AI, **fields)


def test_line_ends_in_what_stood_there_survive() -> None:
    before = packet("DMI-ALLOWED").replace(
        b'rdf:about=""', b'rdf:about="" xmlns:my="urn:x" my:note="a&#10;b&#9;c&#13;d"'
    )
    marked = mark(containers.place_xmp(saved("PNG"), before))
    assert xmp_of(marked).values("urn:x", "note") == ("a\nb\tc\rd",)
    assert mark(marked) == marked


def test_a_picture_whose_manifest_lies_elsewhere_is_left_alone() -> None:
    remote = '<d:provenance xmlns:d="http://purl.org/dc/terms/">https://x.example/m.c2pa</d:provenance>'
    with pytest.raises(InvalidInput, match="picture_has_manifest"):
        mark(containers.place_xmp(saved("JPEG"), packet("DMI-ALLOWED", more=remote)))
