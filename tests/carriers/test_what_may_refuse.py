"""What is broken, cut or missing may have refused: it permits nothing, and takes nothing from the rest."""

import struct
import tracemalloc
import zlib
from datetime import UTC, datetime
from types import ModuleType

import pytest

from holdout.carriers import ai_txt, content_signals, kit, robots, tdmrep, wire
from holdout.carriers import xmp as xmp_reader
from holdout.carriers.containers import Packets, find_xmp
from holdout.carriers.html import read_page
from holdout.carriers.readers import read_all
from holdout.carriers.surroundings import Surroundings
from holdout.doctor.diagnosis import Weight, diagnose
from holdout.doctor.visit import go_round
from holdout.errors import FetchFailed, InvalidInput
from holdout.fetch import Fetched, FetchLimits
from holdout.resolution import of_signals
from holdout.verdicts import Access, Outcome
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from tests.carriers.pictures import saved
from tests.carriers.test_plus import packet

GEN = UsageCategory.TRAIN_GEN
DENIED = {Preference.DENY}
URL = "https://x.example/a.jpg"


def png(*packets: bytes) -> bytes:
    """A PNG file with these packets of XMP, compressed."""
    plain = saved("PNG")
    chunks = b""
    for each in packets:
        body = b"iTXt" + b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + zlib.compress(each)
        chunks += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return plain[:33] + chunks + plain[33:]


def outcome(**seen: object) -> Outcome:
    return of_signals(read_all(Surroundings(url=URL, **seen))).uses[GEN]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "file",
    [
        png(packet("DMI-PROHIBITED"), b"<broken"),
        png(b"<broken", packet("DMI-PROHIBITED")),
        png(packet("DMI-PROHIBITED"))[:-30],
        png(
            packet(
                "DMI-PROHIBITED",
                more="<x:l xmlns:x='u:x'><rdf:Bag>" + "<rdf:li/>" * 1_001 + "</rdf:Bag></x:l>",
            )
        ),
    ],
)
def test_what_a_file_refuses_holds_beside_what_is_broken(file: bytes) -> None:
    assert outcome(file=file) is Outcome.DENY


def test_a_broken_file_lifts_nothing_that_the_caller_saw() -> None:
    assert outcome(xmp=packet("DMI-PROHIBITED"), file=png(b"<broken")) is Outcome.DENY


def counted(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[None]:
    """Grows with each call of a function of `module`."""
    calls: list[None] = []
    function = getattr(module, name)

    def call(*args: object) -> object:
        calls.append(None)
        return function(*args)

    monkeypatch.setattr(module, name, call)
    return calls


def test_packets_are_bounded_together() -> None:
    file = png(*[b" " * 1_000_000] * 50)
    tracemalloc.start()
    assert find_xmp(file) == Packets((b" " * 1_000_000,), whole=False)
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert not find_xmp(png(*[b"<a/>"] * 99)).whole


def test_nested_descriptions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = counted(monkeypatch, xmp_reader, "_text")
    xmp = packet(
        "DMI-PROHIBITED",
        more="<rdf:RDF><rdf:Description>" * 40 + "<rdf:li/>" * 90_000 + "</rdf:Description></rdf:RDF>" * 40,
    )
    outcome(xmp=xmp)
    assert len(read) < 100_000  # each item once, and not once a level


def test_a_number_that_is_no_character_ends_nothing() -> None:
    page = b'<img alt="&#' + b"1" * 5_000 + b';"><meta name=robots content=noai>'
    assert read_page(page).metas == (("robots", "noai"),)
    assert outcome(page=page) is Outcome.DENY


def test_a_page_in_the_place_of_ai_txt_hides_no_other() -> None:
    pages = {"/ai.txt": b"<!doctype html>", "/.well-known/ai.txt": b"User-agent: *\nDisallow: /\n"}

    def ask(url: str, _: FetchLimits) -> Fetched:
        path = url.removeprefix("https://x.example")
        found = pages.get(path, b"x" if path == "/a.jpg" else b"")
        return Fetched(url, 200 if found else 404, (), found)

    seen = diagnose(go_round(URL, ask=ask), at=datetime.now(UTC))
    assert seen.resolution.uses[GEN] is Outcome.DENY


@pytest.mark.parametrize("trouble", [503, 429, 403, 0])
def test_while_a_place_is_unknown_nothing_is_permitted(trouble: int) -> None:
    def ask(url: str, _: FetchLimits) -> Fetched:
        if url == URL:
            return Fetched(url, 200, (("tdm-reservation", "0"), ("content-usage", "train-ai=y")), b"x")
        if url.endswith("tdmrep.json"):
            if not trouble:
                raise FetchFailed("timed_out", "")
            return Fetched(url, trouble, (), b"")
        return Fetched(url, 404, (), b"")

    assert diagnose(go_round(URL, ask=ask), at=datetime.now(UTC)).resolution.uses[GEN] is Outcome.UNKNOWN


def test_a_licence_that_is_none_is_noted() -> None:
    at = "https://x.example/l.xml"
    signals = read_all(
        Surroundings(url=URL, robots=f"License: {at}\n".encode(), licences={at: b"<html></html>"})
    )
    assert "rsl_unread" in [note.code for signal in signals for note in signal.notes]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16"])
def test_robots_that_nobody_can_read_let_nobody_in(encoding: str) -> None:
    parsed = robots.parse("User-agent: *\nDisallow: /\n".encode(encoding))
    assert robots.read_access(parsed, path="/a", agents=[]).access is Access.UNKNOWN


def test_a_rule_that_was_cut_off_may_have_closed() -> None:
    parsed = robots.parse(b"#" * (1 << 20) + b"\nUser-agent: *\nDisallow: /\n")
    assert robots.read_access(parsed, path="/a", agents=[]).access is Access.UNKNOWN


@pytest.mark.parametrize("written", ["GPTBot/1.1", "gptbot", "GPTBot (+https://x.example)"])
@pytest.mark.parametrize("agent", ["GPTBot", "GPTBot/1.2", " gptbot "])
def test_a_version_is_no_part_of_a_crawlers_name(written: str, agent: str) -> None:
    parsed = robots.parse(f"User-agent: {written}\nDisallow: /\n\nUser-agent: *\nAllow: /\n".encode())
    assert robots.read_access(parsed, path="/a", agents=[agent]).access is Access.BLOCKED
    assert robots.access_of_each(parsed, path="/a", agents=[agent]) == {agent: Access.BLOCKED}


def test_each_group_is_compared_with_a_path_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = counted(monkeypatch, robots, "_matches")
    everybody = b"User-agent: *\n" + b"Disallow:/*aab\n" * 60_000
    seen = robots.access_of_each(
        robots.parse(everybody), path="/" + "a" * 300, agents=[f"b{n}" for n in range(166)]
    )
    assert set(seen.values()) == {Access.ALLOWED}
    assert len(compared) == 60_000  # and not 166 times as often


@pytest.mark.parametrize("said", ["ai-train=yes, ai-train=NO", "AI-train=no, ai-train=yes"])
def test_a_permission_does_not_stand_beside_what_cannot_be_read(said: str) -> None:
    assert content_signals.read_value(said)[0] == {}
    parsed = robots.parse(
        b"User-agent: *\n" + b"".join(b"Content-Signal: %s\n" % s.encode() for s in said.split(", "))
    )
    found = content_signals.read_robots(parsed, path="/", agents=[])
    assert found is not None
    assert not found.preferences


def test_of_two_spellings_one_that_reserves_is_enough() -> None:
    said = tdmrep.read_embedded(["1", "yes"], [])
    assert said is not None
    assert said.preferences[GEN] is Preference.DENY


def test_an_ai_txt_of_which_nothing_is_left_says_why() -> None:
    read = ai_txt.read(b"Disallow: /\n", path="/a", agents=[])
    assert read is not None
    assert [note.code for note in read.notes] == ["robots_rule_without_agent"]


@pytest.mark.parametrize(
    "seen",
    [
        {"page": b"<meta name=robots content=noai>"},
        {"file": png(packet("DMI-ALLOWED"), packet("DMI-PROHIBITED"))},
        {"xmp": packet("DMI-PROHIBITED").decode().encode("utf-16")},
        {"tdmrep": '[{"location": "/", "tdm-reservation": 1}]'.encode("utf-16")},
    ],
)
def test_what_is_sent_to_a_registry_refuses_as_it_does_at_home(seen: dict[str, bytes]) -> None:
    here = Surroundings(url=URL, **seen)  # type: ignore[arg-type]
    there = wire.surroundings(wire.sent(here), url=URL)
    assert of_signals(read_all(here)).uses[GEN] is of_signals(read_all(there)).uses[GEN] is Outcome.DENY


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "open"])
def test_a_kit_does_not_contradict_itself(preset: str) -> None:
    """Put in place as it says, and read by the doctor."""
    said = PRESETS[preset]
    choice = kit.choice_of(said, site="https://x.example/", name="Ann", contact="https://x.example/ask")
    made = {piece.id: piece.content for piece in kit.pieces(choice)}
    files = {"/robots.txt": "robots", "/.well-known/tdmrep.json": "tdmrep", "/license.xml": "licence"}

    def ask(url: str, _: FetchLimits) -> Fetched:
        path = url.removeprefix("https://x.example")
        found = b"x" if path == "/a.jpg" else made.get(files.get(path, ""), b"")
        return Fetched(url, 200 if found else 404, (), found)

    seen = diagnose(go_round(URL, ask=ask), at=datetime.now(UTC))
    assert [f for f in seen.findings if f.weight is Weight.MISTAKE] == []
    for use, value in said.items():
        if value is Preference.DENY:
            assert seen.resolution.uses[use] is Outcome.DENY
        elif value is Preference.CONDITIONAL:
            assert seen.resolution.uses[use] in (Outcome.CONDITIONAL, Outcome.DENY, Outcome.UNKNOWN)


@pytest.mark.parametrize(
    "page",
    [
        b"<meta name=x content=y>" * 1_500 + b"<meta name=robots content=noai>",
        "<meta name=robots content=noai>".encode("utf-16"),
        b"<meta name=robots content='noai noimageai'>",
        b"<meta name=robots content='index; noai'>",
    ],
)
def test_what_stands_in_a_page_is_found_however_it_is_written(page: bytes) -> None:
    assert outcome(page=page) is Outcome.DENY


def test_a_page_that_is_cut_says_so_and_permits_nothing() -> None:
    page = b"<meta name=tdm-reservation content=0>" + b" " * (1 << 20) + b"<meta name=robots content=noai>"
    signals = read_all(Surroundings(url=URL, page=page))
    assert "too_long" in [note.code for signal in signals for note in signal.notes]
    assert not [s for s in signals if Preference.ALLOW in s.preferences.values()]


@pytest.mark.parametrize(
    "given",
    [{"site": "https://a$b.example/"}, {"statement": "not a url"}, {"contact": "javascript:alert(1)"}],
)
def test_a_kit_takes_no_text_for_an_address(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        kit.choice_of(PRESETS["no-ai"], **({"site": "https://x.example/"} | given))


def test_two_licences_that_contradict_each_other_are_a_mistake() -> None:
    licence = (
        b'<script type="application/rsl+xml"><rsl xmlns="https://rslstandard.org/rsl"><content url="/">'
        b'<license><%s type="usage">all</%s></license></content></rsl></script>'
    )
    page = licence.replace(b"%s", b"permits") + licence.replace(b"%s", b"prohibits")

    def ask(url: str, _: FetchLimits) -> Fetched:
        is_page = url == URL
        headers = (("content-type", "text/html"),) if is_page else ()
        return Fetched(url, 200 if is_page else 404, headers, page if is_page else b"")

    seen = diagnose(go_round(URL, ask=ask), at=datetime.now(UTC))
    assert "doctor_conflict" in [finding.code for finding in seen.findings]
