"""Tables of registered pictures: what a later one says counts, and merging changes nothing that is found."""

from collections.abc import Sequence

import numpy as np
import pytest

from holdout.fingerprints.local.keypoints import REGISTERED
from holdout.fingerprints.picture import Gate, Pane, PaneKind
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing, standings


def a_picture(number: int, *, panes: int = 1, standing: Standing = Standing.LIVE) -> RegisteredPicture:
    """A picture whose digest ends with zeros, with panes of random codes and keypoints."""
    random = np.random.default_rng(number)
    return RegisteredPicture(
        bytes([number % 7, number]) + bytes(30), standing, [_pane(random) for _ in range(panes)]
    )


def _pane(random: np.random.Generator) -> Pane:
    keypoints = np.frombuffer(
        random.bytes(REGISTERED.itemsize * int(random.integers(0, 40))), REGISTERED
    ).copy()
    keypoints["cell"] %= 1 << 20
    keypoints["signature"] &= np.uint64(0xFFFFFFFF00000000)
    keypoints["signature"][::2] = 0  # tags that several share
    return Pane(
        kind=PaneKind.WHOLE,
        box=(0, 0, int(random.integers(1, 500)), 300),
        gate=Gate.OK,
        quality=80,
        phash=(random.bytes(32),),
        pdq=(random.bytes(32),),
        keypoints=keypoints.tobytes(),
    )


def said(tables: Sequence[PictureTable]) -> dict[bytes, tuple[object, ...]]:
    """What tables say together: for each picture that has panes and is not gone, all of it."""
    found: dict[bytes, tuple[object, ...]] = {}
    for table, words in zip(tables, standings(tables), strict=True):
        assert table.sound()
        assert (np.diff(table.asset.astype(np.int64)) >= 0).all()
        keypoints = table.keypoints.rows()
        for i in np.flatnonzero((words != Standing.GONE) & table.has_panes).tolist():
            panes = []
            for pane in np.flatnonzero(table.asset == i).tolist():
                first, last = table.keypoints.first[pane], table.keypoints.first[pane + 1]
                codes = [
                    sorted(codes.rows()[0][codes.rows()[1] == pane].tobytes() for _ in "1")
                    for codes in (table.phash, table.pdq)
                ]
                own = keypoints[first:last]
                postings = sorted(
                    zip((own["signature"] >> np.uint64(32)).tolist(), own["cell"].tolist(), strict=True)
                )
                places = own[["signature", "x", "y", "scale", "angle"]].tolist()
                panes.append((tuple(table.extent[pane].tolist()), codes, postings, places))
            assert table.digest[i].tobytes() not in found
            found[table.digest[i].tobytes()] = (int(words[i]), panes)
    return found


STORY = [
    [a_picture(n, panes=n % 3 + 1) for n in range(20)],
    [a_picture(n) for n in range(20, 25)]
    + [RegisteredPicture(a_picture(3).digest, Standing.QUARANTINED, [])],
    [
        RegisteredPicture(a_picture(4).digest, Standing.GONE, []),
        RegisteredPicture(a_picture(21).digest, Standing.GONE, []),
        a_picture(5, panes=3, standing=Standing.QUARANTINED),
    ],
    [RegisteredPicture(a_picture(3).digest, Standing.LIVE, []), a_picture(21, panes=2)],
]


def test_what_a_later_table_says_of_a_picture_counts() -> None:
    tables = [PictureTable.build(pictures) for pictures in STORY]
    found = said(tables)
    assert found[a_picture(3).digest][0] == Standing.LIVE
    assert a_picture(4).digest not in found
    assert found[a_picture(5).digest][0] == Standing.QUARANTINED
    assert len(found[a_picture(5).digest][1]) == 3  # type: ignore[arg-type]
    assert len(found[a_picture(21).digest][1]) == 2  # type: ignore[arg-type]
    assert len(found) == 24


@pytest.mark.parametrize(("begin", "end"), [(0, 4), (0, 2), (1, 4), (2, 4), (1, 3), (0, 1), (3, 4)])
def test_merging_changes_nothing_that_is_said(begin: int, end: int) -> None:
    tables = [PictureTable.build(pictures) for pictures in STORY]
    merged = PictureTable.merged(tables[begin:end], first=begin == 0)
    assert (np.diff([int.from_bytes(d.tobytes(), "big") for d in merged.digest]) > 0).all()
    assert said([*tables[:begin], merged, *tables[end:]]) == said(tables)


def test_nothing_merges_to_nothing() -> None:
    merged = PictureTable.merged([PictureTable.nothing(), PictureTable.nothing()], first=True)
    assert (merged.assets, merged.sound(), said([merged])) == (0, True, {})
