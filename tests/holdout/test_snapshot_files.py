"""Snapshot files: what was signed and nothing else; and the files of format 1 stay readable for ever."""

import json
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import SnapshotRefused
from holdout.receipts import canonical_bytes
from holdout.signing import SigningKey
from holdout.snapshot import files
from holdout.snapshot.files import read_snapshot_file, snapshot_file
from holdout.snapshot.state import State, changed, difference
from tests.holdout.snapshot_stories import KEY, NOW, OTHER_KEY, Said, base, delta, header, said_by, state_of
from tests.holdout.test_snapshot_state import saids

ASSETS = Path(__file__).parents[1] / "assets" / "snapshot"
FIRST = {0: 1, 7: 240, 2**39: 80, 2**40 - 1: 255}
SECOND = {0: 1, 7: 80, 99: 242, 2**40 - 1: 255}
PUBLIC = [KEY.public]


def refusal(content: bytes, keys: list[SigningKey] | None = None) -> str:
    with pytest.raises(SnapshotRefused) as refused:
        read_snapshot_file(content, public_keys=[key.public for key in keys or [KEY]]).change()
    return refused.value.code


def parts(content: bytes) -> tuple[dict[str, object], bytes]:
    """A file's header, and its sections."""
    (length,) = struct.unpack("<I", content[8:12])
    return json.loads(content[12 : 12 + length]), content[12 + length + 64 :]


def signed(
    head: dict[str, object], body: bytes, *, key: SigningKey = KEY, purpose: str = "snapshot/1"
) -> bytes:
    octets = canonical_bytes(head)
    length = struct.pack("<I", len(octets))
    return b"HOSNAP1\n" + length + octets + key.sign(octets, purpose=purpose) + body


# --- what is written comes back


@given(saids, saids)
def test_a_base_and_a_delta_come_back(before: Said, after: Said) -> None:
    one, two = state_of(before), state_of(after)
    whole = read_snapshot_file(base(one), public_keys=PUBLIC)
    assert said_by(changed(State.empty(), whole.change())) == said_by(one)
    step = read_snapshot_file(delta(one, two, since=1, version=2), public_keys=PUBLIC)
    assert said_by(changed(one, step.change())) == said_by(two)
    assert (step.header.since, step.header.version, step.header.prefixes) == (1, 2, len(two))
    assert step.header.digest == two.digest()


def test_the_header_says_all_that_a_client_must_know() -> None:
    head, body = parts(delta(state_of(FIRST), state_of(SECOND), since=3, version=4))
    sections = head.pop("sections")
    assert head == {
        "format": 1,
        "key": KEY.public.id,
        "prefix_bits": 40,
        "version": 4,
        "since": 3,
        "created": "2026-11-22T12:00:00+00:00",
        "expires": "2026-11-24T12:00:00+00:00",
        "log_index": 41,
        "hosts": 1,
        "prefixes": 4,
        "digest": state_of(SECOND).digest().hex(),
    }
    assert isinstance(sections, list)
    assert [section["count"] for section in sections] == [2, 2, 1]
    assert sum(section["bytes"] for section in sections) == len(body)


def test_times_are_written_in_utc() -> None:
    away = timezone(timedelta(hours=8))
    told = header(state_of(FIRST), created=NOW.astimezone(away), expires=datetime(2026, 11, 25, tzinfo=UTC))
    content = snapshot_file(told, difference(State.empty(), state_of(FIRST)), key=KEY)
    assert parts(content)[0]["created"] == "2026-11-22T12:00:00+00:00"
    assert read_snapshot_file(content, public_keys=PUBLIC).header.created == NOW


# --- golden files


@pytest.mark.parametrize(("name", "since", "said"), [("base-1", 0, FIRST), ("delta-1-2", 1, SECOND)])
def test_the_files_of_format_1_stay_readable(name: str, since: int, said: Said) -> None:
    """Committed bytes; should this fail, the format is another, and needs another number."""
    file = read_snapshot_file((ASSETS / f"{name}.snapshot").read_bytes(), public_keys=PUBLIC)
    before = state_of(FIRST) if since else State.empty()
    after = changed(before, file.change())
    assert said_by(after) == dict(said)
    assert after.digest() == file.header.digest
    told = (file.header.version, file.header.since, file.header.log_index, file.header.created)
    assert told == (since + 1, since, 41, NOW)


def test_the_same_state_is_written_as_the_same_bytes_but_for_what_zlib_makes_of_codes() -> None:
    golden = parts((ASSETS / "base-1.snapshot").read_bytes())[0]["sections"]
    written = parts(base(state_of(FIRST)))[0]["sections"]
    assert isinstance(golden, list)
    assert isinstance(written, list)
    assert (golden[0], golden[2]) == (written[0], written[2])


# --- what is not as it was signed


@pytest.mark.parametrize("name", ["base-1", "delta-1-2"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_byte_can_be_changed(name: str, flip: int) -> None:
    content = (ASSETS / f"{name}.snapshot").read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= flip
        assert refusal(bytes(damaged)) in {"snapshot_damaged", "snapshot_untrusted"}, place


def test_no_byte_can_be_missing_or_added() -> None:
    content = (ASSETS / "base-1.snapshot").read_bytes()
    for length in range(len(content)):
        assert refusal(content[:length]) in {"snapshot_damaged", "snapshot_untrusted"}, length
    assert refusal(content + b"\x00") == "snapshot_damaged"


@given(st.binary(max_size=300))
def test_rubbish_is_damaged(rubbish: bytes) -> None:
    assert refusal(rubbish) == "snapshot_damaged"
    assert refusal(b"HOSNAP1\n" + rubbish) in {"snapshot_damaged", "snapshot_untrusted"}


def test_only_trusted_keys_sign() -> None:
    content = base(state_of(FIRST))
    assert refusal(content, [OTHER_KEY]) == "snapshot_untrusted"
    read_snapshot_file(content, public_keys=[OTHER_KEY.public, KEY.public])


def test_a_key_cannot_borrow_anothers_name() -> None:
    head, body = parts(base(state_of(FIRST)))
    assert refusal(signed(head, body, key=OTHER_KEY)) == "snapshot_untrusted"


def test_a_signature_for_something_else_is_none() -> None:
    head, body = parts(base(state_of(FIRST)))
    read_snapshot_file(signed(head, body), public_keys=PUBLIC)
    assert refusal(signed(head, body, purpose="receipt/1")) == "snapshot_untrusted"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": 2}, "snapshot_format_unknown"),
        ({"prefix_bits": 48}, "snapshot_format_unknown"),
        ({"version": "1"}, "snapshot_damaged"),
        ({"version": True}, "snapshot_damaged"),
        ({"version": None}, "snapshot_damaged"),
        ({"expires": "2026-11-24T12:00:00"}, "snapshot_damaged"),
        ({"expires": "soon"}, "snapshot_damaged"),
        ({"digest": "xyz"}, "snapshot_damaged"),
        ({"sections": []}, "snapshot_damaged"),
        ({"sections": [{"count": 1}] * 3}, "snapshot_damaged"),
        ({"sections": [7]}, "snapshot_damaged"),
        ({"sections": None}, "snapshot_damaged"),
    ],
    ids=str,
)
def test_even_a_signed_header_must_be_one(changes: dict[str, object], code: str) -> None:
    head, body = parts(base(state_of(FIRST)))
    assert refusal(signed(head | changes, body)) == code


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        (0, {"k": None}),
        (0, {"k": 3}),
        (0, {"count": 5}),
        (0, {"count": 2**40}),
        (0, {"count": -1}),
        (1, {"k": 4}),
        (1, {"count": 3}),
        (1, {"count": 5}),
        (2, {"count": 1}),
        (2, {"bytes": -8}),
    ],
    ids=str,
)
def test_even_signed_sections_must_hold_what_the_header_says(
    section: int, changes: dict[str, object]
) -> None:
    head, body = parts(base(state_of(FIRST)))
    sections = head["sections"]
    assert isinstance(sections, list)
    sections[section] |= changes
    assert refusal(signed(head, body)) == "snapshot_damaged"


@pytest.mark.parametrize("code", [0, 243, 254])
def test_what_is_no_code_may_not_stand_in_a_file(code: int) -> None:
    assert refusal(base(state_of({7: code}))) == "snapshot_damaged"


def test_a_header_that_is_announced_too_long_is_not_waited_for() -> None:
    content = b"HOSNAP1\n" + struct.pack("<I", files._MAX_HEADER + 1) + bytes(files._MAX_HEADER + 200)
    assert refusal(content) == "snapshot_damaged"
