import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128

from holdout.errors import Unavailable
from holdout.index.files import FORMAT, Moment, Tables, open_index, write_index
from tests.holdout.index_tables import LEAF, TIME, Key, contents, tables

_MOMENT = Moment(41, LEAF.hex(), TIME)
_SAID: dict[Key, list[int]] = {(number * 2**58, bytes([number]) * 16): [number, 7] for number in range(50)}
_TABLES = tables(urls=_SAID, places={(5, bytes(16)): [], (5, b"\x01" * 16): [3]}, files={(9, bytes(16)): [4]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "base-41-1.index"
    write_index(made, _TABLES, moment=_MOMENT, since=None)
    return made


def _refused(path: Path) -> str:
    with pytest.raises(Unavailable) as refused:
        open_index(path)
    assert refused.value.code == "index_damaged"
    return refused.value.detail


def test_a_file_comes_back_as_it_was_written(path: Path) -> None:
    file = open_index(path)
    assert (file.name, file.moment, file.since) == ("base-41-1.index", _MOMENT, None)
    assert [contents(table) for table in file.tables] == [contents(table) for table in _TABLES]


def test_an_index_without_keys_comes_back_too(tmp_path: Path) -> None:
    write_index(tmp_path / "a.index", Tables.nothing(), moment=Moment(-1, "", TIME), since=-1)
    file = open_index(tmp_path / "a.index")
    assert (file.moment.watermark, file.moment.leaf_hash, file.since) == (-1, "", -1)
    assert [table.keys for table in file.tables] == [0, 0, 0, 0]


def test_nothing_but_the_file_is_left_after_writing(path: Path) -> None:
    assert [left.name for left in path.parent.iterdir()] == ["base-41-1.index"]


def test_where_there_is_no_file_that_is_what_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_index(tmp_path / "base-1-1.index")


def test_every_section_begins_at_a_multiple_of_64(path: Path) -> None:
    for table in open_index(path).tables:
        for name in ("probe", "check", "first", "bucket", "sieve", "record"):
            assert getattr(table, name).__array_interface__["data"][0] % 64 == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_noticed(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    _refused(path)
    path.write_bytes(whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_short_anywhere_is_noticed(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    _refused(path)
    path.write_bytes(whole)


@given(garbage=st.binary(max_size=300))
def test_garbage_is_noticed(tmp_path_factory: pytest.TempPathFactory, garbage: bytes) -> None:
    path = tmp_path_factory.mktemp("garbage") / "base-1-1.index"
    path.write_bytes(b"hldindex" + garbage)
    _refused(path)


def test_what_follows_the_end_is_noticed(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(64))
    assert "does not end with" in _refused(path)


def test_a_file_under_another_name_is_refused(path: Path) -> None:
    assert "written as base-41-1.index" in _refused(path.rename(path.with_name("base-41-2.index")))


def test_another_format_is_refused(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[8:12] = (FORMAT - 1).to_bytes(4, "little")
    path.write_bytes(damaged)
    assert "another format" in _refused(path)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base-1-1.index").mkdir()
    _refused(tmp_path / "base-1-1.index")


def _set(name: str, value: object) -> Callable[[dict[str, object]], None]:
    def change(header: dict[str, object]) -> None:
        header[name] = value

    return change


def _in_section(
    number: int, name: str, value: object
) -> Callable[[dict[str, list[dict[str, object]]]], None]:
    def change(header: dict[str, list[dict[str, object]]]) -> None:
        header["sections"][number][name] = value

    return change


def _keys(table: str, keys: object) -> Callable[[Any], None]:
    def change(header: Any) -> None:
        header["about"]["tables"][table]["keys"] = keys

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("sections", []),
        _set("sections", 7),
        _set("tables", {}),
        _set("tables", {"urls": {"keys": 1, "records": 1}}),
        _set("moment", None),
        _set("surprise", 1),
        _keys("urls", 49),
        _keys("urls", 51),
        _keys("urls", 2**63),
        _keys("urls", -1),
        _keys("urls", 2**32 - 1),
        _keys("urls", "50"),
        _in_section(0, "offset", 64),
        _in_section(0, "offset", -64),
        _in_section(1, "offset", 0),
        _in_section(0, "length", 0),
        _in_section(0, "length", 2**40),
        _in_section(3, "length", -1),
        _in_section(2, "name", "urls.probe"),
        _in_section(2, "checksum", "00" * 16),
    ],
)
def test_a_header_that_lies_is_refused_though_its_checksum_is_right(
    path: Path, change: Callable[[object], None]
) -> None:
    whole = path.read_bytes()
    length = struct.unpack_from("<I", whole, 12)[0]
    header = msgspec.json.decode(whole[64 : 64 + length])
    change(header)
    _write_with_header(path, whole, msgspec.json.encode(header))
    _refused(path)


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"null", b"[" * 60_000, b"\xff" * 64, b'{"name": "a"}'])
def test_a_header_that_is_none_is_refused_though_its_checksum_is_right(path: Path, header: bytes) -> None:
    _write_with_header(path, path.read_bytes(), header)
    _refused(path)


def test_a_header_longer_than_the_file_is_refused(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[12:16] = b"\xff" * 4
    path.write_bytes(damaged)
    assert "cut short" in _refused(path)


def _write_with_header(path: Path, whole: bytes, header: bytes) -> None:
    """The same sections behind another header, with the checksum that it then has."""
    old_length = struct.unpack_from("<I", whole, 12)[0]
    body = whole[64 + -(-old_length // 64) * 64 :]
    padded = header + bytes(-len(header) % 64)
    start = struct.pack("<8sII16s32s", b"hldindex", FORMAT, len(header), xxh3_128(padded).digest(), bytes(32))
    path.write_bytes(start + padded + body)


@pytest.mark.parametrize("column", ["bucket", "first", "probe"])
def test_a_column_that_would_lead_a_search_astray_is_refused_though_its_checksum_is_right(
    path: Path, column: str
) -> None:
    """No search leaves the file, whoever wrote it."""
    whole = bytearray(path.read_bytes())
    length = struct.unpack_from("<I", whole, 12)[0]
    header = msgspec.json.decode(bytes(whole[64 : 64 + length]))
    start = 64 + -(-length // 64) * 64
    section = next(s for s in header["sections"] if s["name"] == f"urls.{column}")
    begin = start + section["offset"]
    whole[begin + 8 : begin + 16] = b"\xff" * 8
    padded = whole[begin : begin + -(-section["length"] // 64) * 64]
    section["checksum"] = xxh3_128(bytes(padded)).hexdigest()
    _write_with_header(path, bytes(whole), msgspec.json.encode(header))
    assert "not in order" in _refused(path)


def test_a_file_that_is_removed_while_open_can_be_read_on(path: Path) -> None:
    file = open_index(path)
    path.unlink()
    assert [contents(table) for table in file.tables] == [contents(table) for table in _TABLES]
