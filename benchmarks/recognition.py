"""Is a registered picture found after it was altered, and is anything found that was never registered?

    ./run bench recognition [--originals 200] [--strangers 10000] [--pictures FOLDER]

Originals are registered pictures; each alteration is made of so many of them. Whether an answer is right is
decided by the committed list of families (`benchmarks/pictures`), never by codes. Thresholds were chosen with
the families of one half (`half`); what is printed is measured with the other half alone. Strangers were never
registered: each is asked plain or altered, through the whole pipeline. Answers are kept in the folder as they
come, so that a run which was ended goes on.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks import pictures, results
from benchmarks.alterations import ALTERATIONS, Alteration, as_file, as_picture, prepared
from benchmarks.pictures import Picture
from holdout.errors import UnreadablePicture
from holdout.fingerprints import pdq
from holdout.fingerprints.decode import decode
from holdout.fingerprints.describe import describe
from holdout.fingerprints.perceptual import grey_thumbnail, phash_256_orientations
from holdout.fingerprints.picture import PictureFingerprints
from holdout.index.looks import ASSERTING, Family, alike, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing

_OTHERS: Final = 9
_PLAIN: Final = 3
"""One of so many strangers is asked as it is."""
_AT_ONCE: Final = 16
_TIMED: Final = 150


@dataclass(frozen=True, slots=True)
class Question:
    """One query: a picture, altered or not, beside other pictures that are not registered."""

    picture: Picture
    alteration: str | None
    others: tuple[Picture, ...]

    @property
    def key(self) -> str:
        return f"{self.picture.id} {self.alteration or '-'}"


def half(picture: Picture) -> str:
    """`tune` or `report`, by family."""
    return "tune" if hashlib.sha256(picture.family.encode()).digest()[0] & 1 else "report"


def of_registered(
    registered: Sequence[Picture], strangers: Sequence[Picture], *, count: int, side: str
) -> list[Question]:
    """`count` originals of one half for each alteration, as many of each kind of picture as there are."""
    by_kind: dict[str, list[Picture]] = defaultdict(list)
    for picture in registered:
        if half(picture) == side:
            by_kind[picture.kind].append(picture)
    questions = []
    for number, alteration in enumerate(ALTERATIONS):
        random = np.random.default_rng([7, number])
        turns = [[of[i] for i in random.permutation(len(of)).tolist()] for of in by_kind.values()]
        in_turn = [picture for round_ in zip_longest(*turns) for picture in round_ if picture is not None]
        for picture in in_turn[:count]:
            others = tuple(strangers[i] for i in random.integers(0, len(strangers), _OTHERS).tolist())
            questions.append(Question(picture, alteration.name, others))
    return questions


def of_strangers(strangers: Sequence[Picture], *, count: int) -> list[Question]:
    """`count` queries with strangers: each plain first, then altered."""
    questions = [Question(picture, None, ()) for picture in strangers[: max(1, count // _PLAIN)]]
    random = np.random.default_rng(11)
    while len(questions) < count:
        i, change = int(random.integers(len(strangers))), int(random.integers(len(ALTERATIONS)))
        others = tuple(strangers[j] for j in random.integers(0, len(strangers), _OTHERS).tolist())
        questions.append(Question(strangers[i], ALTERATIONS[change].name, others))
    return questions


_BY_NAME: Final[dict[str, Alteration]] = {alteration.name: alteration for alteration in ALTERATIONS}


def file_of(question: Question, folder: Path) -> bytes:
    """The bytes that are asked about."""
    picture = _prepared(folder, question.picture)
    if question.alteration is None:
        return as_file(picture)
    others = [_prepared(folder, other) for other in question.others]
    seed = int.from_bytes(hashlib.sha256(question.key.encode()).digest()[:4], "big")
    return as_file(_BY_NAME[question.alteration](picture, seed, others))


def _prepared(folder: Path, picture: Picture) -> Any:
    return prepared(as_picture(pictures.load(folder, picture)))


def registered_table(
    folder: Path, registered: Sequence[Picture], *, processes: int
) -> tuple[PictureTable, dict[bytes, Picture]]:
    """All registered pictures in one table, and whose each digest is; fingerprints stay in the folder."""
    kept = folder / f"registered-{_version()}.msgpack"
    if kept.exists():
        stored = msgspec.msgpack.decode(kept.read_bytes(), type=dict[str, bytes])
    else:
        with multiprocessing.Pool(processes) as pool:
            described = pool.imap(partial(_register, folder), registered, chunksize=_AT_ONCE)
            stored = {p.id: data for p, data in zip(registered, described, strict=True) if data}
        kept.write_bytes(msgspec.msgpack.encode(stored))
    found = {p: PictureFingerprints.from_bytes(stored[p.id]) for p in registered if p.id in stored}
    table = PictureTable.build(
        RegisteredPicture(f.sha256, Standing.LIVE, [pane for pane in f.panes if pane.phash])
        for f in found.values()
    )
    return table, {f.sha256: p for p, f in found.items()}


def _register(folder: Path, picture: Picture) -> bytes:
    try:
        return describe(as_file(_prepared(folder, picture)), query=False).to_bytes()
    except UnreadablePicture:
        return b""


def _version() -> str:
    """Of all that decides what fingerprints and answers are: kept ones of another version are not used."""
    root = results.CHECKOUT / "holdout"
    files = sorted([*root.glob("fingerprints/**/*.py"), *root.glob("fingerprints/**/*.npz")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _matching_version() -> str:
    root = results.CHECKOUT / "holdout" / "index"
    names = ("looks", "geometry", "cells", "codes", "code_kernels")
    return hashlib.sha256(b"".join((root / f"{name}.py").read_bytes() for name in names)).hexdigest()[:8]


class Answers:
    """Answers by question, kept in a file line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known: dict[str, list[list[Any]]] = dict(
            json.loads(line) for line in lines if line.endswith("]")
        )

    def complete(self, questions: Sequence[Question], ask: Any, *, processes: int) -> None:
        """Ask what is not known yet, and say how far it is."""
        waiting = [question for question in questions if question.key not in self.known]
        begun = time.monotonic()
        with multiprocessing.Pool(processes) as pool, self._path.open("a") as file:
            for n, (key, answer) in enumerate(pool.imap_unordered(ask, waiting, chunksize=_AT_ONCE), 1):
                self.known[key] = answer
                file.write(json.dumps([key, answer]) + "\n")
                if n % 500 == 0:
                    left = (time.monotonic() - begun) / n * (len(waiting) - n)
                    print(f"{n} of {len(waiting)} asked, {left / 60:.0f} minutes left", flush=True)


_TABLE: PictureTable
_FAMILY_OF: dict[bytes, Picture]


def _ask(folder: Path, question: Question) -> tuple[str, list[list[Any]]]:
    """What is found: id, kind and inliers of each registered picture."""
    try:
        asked = describe(file_of(question, folder), query=True)
    except UnreadablePicture as error:
        return question.key, [["", error.code, 0]]
    found = likenesses(asked.panes, [_TABLE])[:8]
    return question.key, [[_FAMILY_OF[f.digest].id, f.kind.value, f.inliers] for f in found]


class Tally:
    """How many of the questions of a class were answered in which way."""

    def __init__(self) -> None:
        self.asked = self.found = self.asserted = 0

    def add(self, *, found: bool, asserted: bool) -> None:
        self.asked += 1
        self.found += found
        self.asserted += asserted

    @property
    def recall(self) -> float:
        """The share that was found: as a certain or as a possible copy."""
        return self.found / self.asked


def tallied(
    questions: Sequence[Question], answers: dict[str, list[list[Any]]], family_of: dict[str, str]
) -> tuple[dict[str, Tally], list[str]]:
    """Per group of alterations, and what was asserted of a picture of another family."""
    by_group: dict[str, Tally] = defaultdict(Tally)
    wrong = []
    for question in questions:
        hits = answers[question.key]
        kinds = [kind for other, kind, _ in hits if family_of.get(other) == question.picture.family]
        group = _BY_NAME[question.alteration].group if question.alteration else "plain"
        by_group[group].add(found=bool(kinds), asserted=any(kind in ASSERTING for kind in kinds))
        wrong += [
            f"{question.key}: {kind} {other} ({inliers})"
            for other, kind, inliers in hits
            if kind in ASSERTING and family_of.get(other) != question.picture.family
        ]
    return dict(by_group), wrong


def upper95(errors: int, asked: int) -> float:
    """The exact upper bound (Clopper and Pearson, 1934) of a rate, with 95 per cent confidence, one-sided."""
    low, high = errors / asked, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        term, total = (1 - middle) ** asked, 0.0
        for k in range(errors + 1):
            total += term
            term *= (asked - k) / (k + 1) * middle / (1 - middle)
        low, high = (middle, high) if total > 0.05 else (low, middle)
    return high


def speeds(folder: Path, asked: Sequence[Question]) -> dict[str, float]:
    """What one core answers in a second: pictures by their codes alone, and by all that there is."""
    files = [file_of(question, folder) for question in asked]
    likenesses(describe(files[0], query=True).panes, [_TABLE])
    began = time.process_time()
    for data in files:
        whole = codes_of_whole(data)
        for family in ("phash", "pdq"):
            list(alike(family, whole[family], [_TABLE]))
    by_codes = time.process_time() - began
    began = time.process_time()
    for data in files:
        likenesses(describe(data, query=True).panes, [_TABLE])
    by_all = time.process_time() - began
    return {
        "whole_picture_per_core_s": len(files) / by_codes,
        "partial_per_core_s": len(files) / by_all,
        "bytes_per_work": _TABLE.nbytes / _TABLE.assets,
    }


def codes_of_whole(data: bytes) -> dict[Family, Any]:
    """The codes of a file's picture as a whole in eight orientations, by family: (8, 32) each."""
    image = decode(data).frames[0]
    pdq_codes = np.frombuffer(b"".join(pdq.look(image).orientations()), dtype=np.uint8).reshape(-1, 32)
    return {"phash": phash_256_orientations(grey_thumbnail(image.convert("L"))), "pdq": pdq_codes}


def main() -> None:
    """Measure and write `results/recognition.json`."""
    global _TABLE, _FAMILY_OF
    parser = argparse.ArgumentParser(prog="./run bench recognition")
    parser.add_argument("--originals", type=int, default=200, help="of each alteration")
    parser.add_argument("--strangers", type=int, default=10_000)
    parser.add_argument("--side", choices=["report", "tune"], default="report")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--pictures", type=Path, default=Path("var/bench/pictures"))
    given = parser.parse_args()
    folder: Path = given.pictures
    pictures.fetch(folder)
    registered, strangers = pictures.pictures("registered"), pictures.pictures("stranger")
    _TABLE, _FAMILY_OF = registered_table(folder, registered, processes=given.processes)
    size = _TABLE.nbytes / _TABLE.assets
    print(f"{_TABLE.assets} of {len(registered)} pictures registered, {size:.0f} bytes each")
    known = of_registered(registered, strangers, count=given.originals, side=given.side)
    unknown = of_strangers(strangers, count=given.strangers)
    answers = Answers(folder / f"answers-{_version()}-{_matching_version()}.ndjson")
    answers.complete(unknown + known, partial(_ask, folder), processes=given.processes)
    family_of = {picture.id: picture.family for picture in registered}
    groups, wrong = tallied(known, answers.known, family_of)
    _, false = tallied(unknown, answers.known, family_of)
    # Within a package, families are often related after all: names tell little.
    across = [line for line in wrong if line.split("/")[0] != line.split(": ")[1].split(" ")[1].split("/")[0]]
    for line in across + false:
        print("asserted of another family:", line)
    figures: dict[str, float] = {
        "works": _TABLE.assets,
        "originals_per_alteration": given.originals,
        "alterations": len(ALTERATIONS),
        "recall_overall": sum(t.found for t in groups.values()) / sum(t.asked for t in groups.values()),
        "asserted_overall": sum(t.asserted for t in groups.values()) / sum(t.asked for t in groups.values()),
        **{f"recall_{group}": tally.recall for group, tally in sorted(groups.items())},
        "stranger_queries": len(unknown),
        "stranger_pictures": len({question.picture.id for question in unknown}),
        "false_of_strangers": len(false),
        "false_per_stranger_query_upper95": upper95(len({f.split(":")[0] for f in false}), len(unknown)),
        **speeds(folder, known[:: max(1, len(known) // _TIMED)]),
    }
    if given.side == "report":
        results.write("recognition", figures)
    else:
        for name, value in figures.items():
            print(f"{name:40} {value:.4f}")


if __name__ == "__main__":
    main()
