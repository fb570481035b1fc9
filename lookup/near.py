"""Perceptual codes of a batch, compared with every registered one; what is said of the works they belong
to.
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from consent.queries import StatementInForce, statements_in_force
from holdout.fingerprints.algorithms import PHASH_256
from holdout.ids import id_bits
from holdout.index.records import RECORD, VOUCHED, Kind
from holdout.index.said import said_of
from holdout.resolution import Assurance
from holdout.verdicts import MatchMethod
from lookup.codes import PHASH_256_INDEX
from lookup.decisions import METHOD_CODE, Lines
from registry.queries import asset_assurances


def near_lines(codes: Mapping[int, Mapping[str, tuple[bytes, ...]]], *, as_of: int) -> Lines:
    """The lines of the rows (by number) whose codes lie near a registered file's, as of a log index."""
    asked: dict[bytes, list[int]] = defaultdict(list)
    for row, by_algorithm in codes.items():
        for code in by_algorithm.get(PHASH_256.id, ()):
            asked[code].append(row)
    distinct = list(asked)
    near = PHASH_256_INDEX.near(distinct, as_of=as_of)
    # Several orientations of one picture may find the same file: it is one match.
    matches = sorted({(row, n.asset.asset, n.asset.work) for n in near for row in asked[distinct[n.query]]})
    if not matches:
        return Lines.together([])
    proven = asset_assurances({asset for _, asset, _ in matches}, as_of=as_of)
    said: dict[int | None, list[StatementInForce]] = defaultdict(list)
    for statement in statements_in_force(works={work for *_, work in matches}, locators=[], as_of=as_of):
        said[statement.work].append(statement)
    lines = [(row, asset, s) for row, asset, work in matches for s in said[work]]
    record = np.zeros(len(lines), dtype=RECORD)
    for i, (_, asset, s) in enumerate(lines):
        record["statement"][i], record["declarant"][i] = id_bits(s.statement), id_bits(s.declarant)
        record["declared_at"][i], record["said"][i] = s.declared_at, said_of(s.preferences)
        record["assurance"][i] = proven.get(asset, Assurance.L0)
        record["flags"][i] = VOUCHED if s.vouched else 0
    record["kind"] = Kind.FILE
    return Lines(
        row=np.array([row for row, _, _ in lines], dtype=np.int64),
        method=np.full(len(lines), METHOD_CODE[MatchMethod.CODES], dtype=np.uint8),
        specificity=np.zeros(len(lines), dtype=np.int64),
        record=record,
    )
