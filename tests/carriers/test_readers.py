"""All that stands round a picture, read at once."""

import json

import pytest

from holdout.carriers import noai, plus, rsl
from holdout.carriers.notes import WORDS
from holdout.carriers.readers import licence_addresses, observed, read_all
from holdout.carriers.standards import standards
from holdout.carriers.surroundings import Surroundings
from holdout.carriers.wire import Sent, sent, surroundings
from holdout.errors import InvalidInput
from holdout.resolution import of_signals
from holdout.signals import Provenance
from holdout.verdicts import Access
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from tests.carriers.mutations import mutations
from tests.carriers.pictures import saved

URL = "https://x.example/art/a.jpg"
ROBOTS = (
    b"User-agent: *\nContent-Usage: train-ai=n\nContent-Signal: ai-input=no\n"
    b"License: /l.xml\nDisallow: /art/\n"
)
PAGE = b'<meta name="robots" content="noai"><meta name="tdm-reservation" content="1">'
HEADERS = (
    ("Content-Usage", "search=y"),
    ("X-Robots-Tag", "noai"),
    ("tdm-reservation", "1"),
    ("Link", '</l2.xml>; rel="license"; type="application/rsl+xml"'),
    ("content-type", "image/jpeg"),
)
SEEN = Surroundings(
    url=URL,
    headers=HEADERS,
    robots=ROBOTS,
    ai_txt=b"User-Agent: *\nDisallow: *.jpg\n",
    tdmrep=json.dumps([{"location": "/", "tdm-reservation": 1}]).encode(),
    page=PAGE,
    file=plus.mark(
        saved("JPEG"), PRESETS["no-ai"], statement="https://r.example/", constraint={"x-default": ""}
    ),
    licences={"https://x.example/l.xml": rsl.write(PRESETS["no-ai"])},
)


def test_every_standard_that_speaks_is_read_once_in_each_place() -> None:
    found = [(signal.standard, signal.source) for signal in read_all(SEEN)]
    assert found == [
        ("aipref", "header Content-Usage"),
        ("noai", "header X-Robots-Tag"),
        ("robots", "robots.txt"),
        ("aipref", "robots.txt Content-Usage"),
        ("content-signals", "robots.txt Content-Signal"),
        ("ai-txt", "ai.txt"),
        ("noai", "HTML meta robots"),
        ("tdmrep", "HTML meta tdm-reservation"),
        ("tdmrep", "XMP tdm:reservation"),
        ("rsl", "RSL licence"),
        ("rsl", "RSL licence"),
        ("plus", "XMP plus:DataMining"),
    ]


def test_every_signal_says_what_it_was_read_from_and_by_whom() -> None:
    for signal in read_all(SEEN):
        assert signal.standard in standards()
        assert signal.revision == standards()[signal.standard].revision
        assert (signal.parser, len(signal.digest)) == (1, 32)
        assert {note.code for note in signal.notes} <= set(WORDS)


def test_nothing_that_is_read_may_permit_until_it_was_observed() -> None:
    header = read_all(Surroundings(headers=(("content-usage", "train-ai=y"),)))
    file = read_all(
        Surroundings(
            xmp=b'<x xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:RDF><r:Description '
            b'xmlns:p="http://ns.useplus.org/ldf/xmp/1.0/" p:DataMining="DMI-ALLOWED"/></r:RDF></x>'
        )
    )
    use = UsageCategory.TRAIN_GEN
    assert of_signals(header).uses[use] == "unknown"
    assert of_signals(observed(header)).uses[use] == "allow"
    assert [signal.provenance for signal in observed(file)] == [Provenance.SUPPLIED]
    assert of_signals(observed(file)).uses[use] == "unknown"


def test_access_is_apart_from_use() -> None:
    assert of_signals(read_all(SEEN)).access is Access.BLOCKED
    assert (
        of_signals(read_all(Surroundings(url="https://x.example/b", robots=ROBOTS))).access is Access.UNKNOWN
    )


def test_licences_are_looked_for_wherever_something_points() -> None:
    assert licence_addresses(SEEN) == ("https://x.example/l.xml", "https://x.example/l2.xml")
    unread = [signal for signal in read_all(SEEN) if "rsl_unread" in [note.code for note in signal.notes]]
    assert [signal.terms for signal in unread] == [("https://x.example/l2.xml",)]


def test_what_a_file_says_overrules_nothing_that_its_site_says() -> None:
    free = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
    free += b'xmlns:t="http://www.w3.org/ns/tdmrep/" t:reservation="0"/></r:RDF>'
    for reserving in ((("tdm-reservation", "1"),), ()):
        signals = observed(read_all(Surroundings(headers=reserving, xmp=free)))
        assert of_signals(signals).uses[UsageCategory.TDM] == ("deny" if reserving else "unknown")


def test_files_whose_xmp_nobody_reads_are_said_to_be() -> None:
    (signal,) = read_all(Surroundings(file=saved("GIF")))
    assert [note.code for note in signal.notes] == ["xmp_not_looked_for"]


def test_headers_alone_say_what_they_say_among_others() -> None:
    alone = read_all(Surroundings(headers=HEADERS[:3]))
    among = read_all(Surroundings(headers=HEADERS[:3], page=b"<p>"))
    assert alone == among
    assert len(alone) == 3


def test_what_came_with_an_iscc_is_read() -> None:
    for said in (b'{"tdm_reservation": 1}', b'{"train-ai": "false"}'):
        (signal,) = read_all(Surroundings(iscc=said))
        assert signal.preferences[UsageCategory.TRAIN_GEN] is Preference.DENY


def test_nothing_seen_is_nothing_said() -> None:
    assert read_all(Surroundings()) == ()
    assert read_all(Surroundings(url=URL, headers=(("server", "nginx"),), page=b"<p>")) == ()


def test_surroundings_travel_as_json() -> None:
    seen = Surroundings(
        url=URL,
        agents=("MyBot",),
        headers=HEADERS,
        robots=ROBOTS,
        metas=(("robots", "noai"), ("robots", "x")),
    )
    back = surroundings(sent(seen), url=URL)
    assert read_all(back) == read_all(seen)


@pytest.mark.parametrize(
    "too_much",
    [
        Sent(robots="x" * 1_100_000),
        Sent(headers={"a": ["x"] * 300}),
        Sent(agents=["a"] * 30),
    ],
)
def test_more_than_a_query_may_bring_is_refused(too_much: Sent) -> None:
    with pytest.raises(InvalidInput, match="signals_too_large"):
        surroundings(too_much, url=URL)


def test_every_note_has_words_and_every_label_a_known_meaning() -> None:
    assert all(words.endswith(".") and len(words) > 20 for words in WORDS.values())
    assert tuple(standards()["noai"].labels) == noai.LABELS


def test_no_broken_surroundings_are_an_error() -> None:
    for _, changed in mutations([ROBOTS, PAGE, *(value.encode() for _, value in HEADERS)], count=3_000):
        text = changed.decode("latin-1")
        headers = tuple((name, text) for name, _ in HEADERS)
        read_all(
            Surroundings(url=text, headers=headers, robots=changed, page=changed, tdmrep=changed, xmp=changed)
        )
