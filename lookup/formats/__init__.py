"""Reading an upload as a stream of Arrow tables, and finding in it the columns to look up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import pyarrow as pa

from holdout.errors import InvalidInput
from lookup.formats import csv, lines, parquet
from lookup.formats.marks import MALFORMED, MAX_COLUMNS, too_many_columns

__all__ = ["MALFORMED", "Columns", "find_columns", "pieces"]

MAX_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """The names of the columns to look up; empty where there is none."""

    url: str = ""
    sha256: str = ""
    page_url: str = ""
    """Where the picture was found."""
    phash: str = ""
    """The picture's `phash-256/1` code."""
    fingerprints: str = ""
    """All fingerprints of the picture: bytes in a Parquet column of bytes, elsewhere base64."""

    @property
    def named(self) -> list[str]:
        """Those that there are."""
        return [name for field in fields(self) if (name := getattr(self, field.name))]


def find_columns(path: Path, upload_format: str, wanted: Columns) -> Columns:
    """The columns that a caller named, or those called as the fields of `Columns` in any case.

    Raises `InvalidInput`: `upload_damaged`, `csv_line_too_long`, `line_too_long`, `column_missing`,
    `column_twice`, `column_not_text`, `column_reserved`, `column_name_unusable`,
    `too_many_columns`, `row_group_too_large`, `no_column_to_look_up`.
    """
    if upload_format == "text":
        return _find_in_lines(wanted)
    names, text = _names(path, upload_format)
    octets = parquet.octets(path) if upload_format == "parquet" else set()
    columns = Columns(*(_find(names, getattr(wanted, f.name), f.name) for f in fields(Columns)))
    if not columns.named:
        usual = ", ".join(f.name for f in fields(Columns))
        raise InvalidInput(
            "no_column_to_look_up",
            f"No column is called one of {usual}. Name yours, with ?url_column=... for example.",
        )
    for name in columns.named:
        if name not in text and not (name == columns.fingerprints and name in octets):
            raise InvalidInput("column_not_text", f"The column {name!r} must hold text.")
    if reserved := [name for name in names if name.startswith("holdout_")]:
        raise InvalidInput("column_reserved", f"Rename {reserved[0]!r}: holdout_ columns are the answer's.")
    return columns


def pieces(path: Path, upload_format: str, columns: Columns, *, rows: int) -> Iterator[pa.Table]:
    """The upload in order, in tables of at most `rows` rows.

    Raises `InvalidInput` (`upload_damaged`, `upload_expands_too_much`, `line_too_long`), also after some
    pieces.
    """
    match upload_format:
        case "csv":
            return csv.pieces(path, rows)
        case "text":
            return lines.url_pieces(path, rows)
        case "ndjson":
            return lines.json_pieces(path, rows, columns.named)
        case _:
            return parquet.pieces(path, rows)


def _find_in_lines(wanted: Columns) -> Columns:
    if named := [name for name in wanted.named if name != "url"]:
        raise InvalidInput("column_missing", f"Lines of text have the column url alone, not {named[0]!r}.")
    return Columns(url="url")


def _names(path: Path, upload_format: str) -> tuple[list[str], set[str]]:
    """All column names, and which of them hold text. Raises `InvalidInput` (`column_name_unusable`)."""
    read = {"csv": csv.columns, "ndjson": lines.json_columns, "parquet": parquet.columns}[upload_format]
    names, text = read(path)
    if len(names) > MAX_COLUMNS:
        raise too_many_columns()
    seen: set[str] = set()
    for name in names:
        if not _is_usable(name):
            raise InvalidInput(
                "column_name_unusable", f"A column name must be UTF-8 text of at most {MAX_NAME} characters."
            )
        if name in seen:
            raise InvalidInput("column_twice", f"The column {name!r} stands twice in the header.")
        seen.add(name)
    return names, text


def _find(names: Sequence[str], wanted: str, usual: str) -> str:
    if wanted and wanted not in names:
        raise InvalidInput(
            "column_missing", f"There is no column {wanted!r}; there are {', '.join(names)[:300]}."
        )
    usually = [name for name in names if name.lower() == usual]
    if not wanted and len(usually) > 1:
        raise InvalidInput("column_twice", f"Say which of {', '.join(usually)} is meant: ?{usual}_column=...")
    return wanted or next(iter(usually), "")


def _is_usable(name: str) -> bool:
    return len(name) <= MAX_NAME and "\x00" not in name and not any("\ud800" <= c <= "\udfff" for c in name)
