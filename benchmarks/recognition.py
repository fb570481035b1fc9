"""Is a registered picture found after it was altered, and is anything found that was never registered?

    ./run bench recognition [--originals 200] [--strangers 10000] [--pictures FOLDER]

Originals are registered pictures; each alteration is made of so many of them. Whether an answer is right is
decided by the committed list of families (`benchmarks/pictures`), never by codes. Thresholds were chosen with
the families of one half (`half`); what is printed is measured with the other half alone. Strangers were never
registered: each is asked plain or altered, through the whole pipeline. What others' codes find of the same
questions is measured beside it (`picture_baselines`; imagehash's segments, which are slow, with every tenth
question). Answers are kept in the folder as they come, so that a run which was ended goes on.
"""

import argparse
import hashlib
import multiprocessing
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from benchmarks import alterations, picture_baselines, pictures, results
from benchmarks.alterations import ALTERATIONS, Alteration, as_file, as_picture, prepared
from benchmarks.picture_baselines import Codes
from benchmarks.pictures import Picture
from holdout.errors import UnreadablePicture
from holdout.fingerprints import pdq
from holdout.fingerprints.decode import decode
from holdout.fingerprints.describe import describe
from holdout.fingerprints.perceptual import grey_thumbnail, phash_256_orientations
from holdout.fingerprints.picture import PictureFingerprints
from holdout.index.looks import ASSERTING, Family, Kind, alike, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing

_OTHERS: Final = 9
_PLAIN: Final = 3
"""One of so many strangers is asked as it is."""
_AT_ONCE: Final = 16
_TIMED: Final = 150
_SEGMENTED: Final = 10
"""Every so many questions are asked by imagehash's segments too."""


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
    others = _Loaded(folder, question.others)
    seed = int.from_bytes(hashlib.sha256(question.key.encode()).digest()[:4], "big")
    return as_file(_BY_NAME[question.alteration](picture, seed, others))


class _Loaded(Sequence[Any]):
    """Pictures that are read when they are looked at: few alterations look at others."""

    def __init__(self, folder: Path, of: Sequence[Picture]) -> None:
        self._folder, self._of = folder, of

    def __len__(self) -> int:
        return len(self._of)

    def __getitem__(self, at: Any) -> Any:
        return _prepared(self._folder, self._of[at])


def _prepared(folder: Path, picture: Picture) -> Any:
    return prepared(as_picture(pictures.load(folder, picture)))


class Registered(msgspec.Struct, array_like=True):
    """What is known of a registered picture: as Holdout keeps it, and as others do."""

    fingerprints: bytes
    codes: Codes


def registered_table(
    folder: Path, registered: Sequence[Picture], *, processes: int
) -> tuple[PictureTable, dict[bytes, Picture], dict[str, Codes]]:
    """All registered pictures in one table, whose each digest is, and their others' codes, by id.

    Pictures that have no looks are left out. What was found stays in the folder.
    """
    kept = folder / f"registered-{_version()}.msgpack"
    if kept.exists():
        stored = msgspec.msgpack.decode(kept.read_bytes(), type=dict[str, Registered])
    else:
        with multiprocessing.Pool(processes) as pool:
            described = pool.imap(partial(_register, folder), registered, chunksize=_AT_ONCE)
            stored = {p.id: found for p, found in zip(registered, described, strict=True) if found}
        kept.write_bytes(msgspec.msgpack.encode(stored))
    found = {
        p: PictureFingerprints.from_bytes(stored[p.id].fingerprints) for p in registered if p.id in stored
    }
    seen = {p: f for p, f in found.items() if any(pane.phash or pane.keypoints for pane in f.panes)}
    table = PictureTable.build(RegisteredPicture(f.sha256, Standing.LIVE, f.panes) for f in seen.values())
    return table, {f.sha256: p for p, f in seen.items()}, {p.id: stored[p.id].codes for p in seen}


def _register(folder: Path, picture: Picture) -> Registered | None:
    data = as_file(_prepared(folder, picture))
    try:
        return Registered(describe(data, query=False).to_bytes(), picture_baselines.codes(data))
    except UnreadablePicture:
        return None


def _version() -> str:
    """Of all that decides what fingerprints are: kept ones of another version are not used."""
    root = results.CHECKOUT / "holdout" / "fingerprints"
    return _digest([*root.glob("**/*.py"), *root.glob("**/*.npz")]) + "-" + _questions_version()


def _questions_version() -> str:
    return _digest([pictures.LIST, Path(alterations.__file__)])


def _matching_version() -> str:
    root = results.CHECKOUT / "holdout" / "index"
    return _digest(root / f"{name}.py" for name in ("looks", "geometry", "cells", "codes", "code_kernels"))


def _digest(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:8]


class Answer(msgspec.Struct, array_like=True):
    """What is said of a question."""

    found: list[tuple[str, str, int]]
    """Id, kind and inliers of each registered picture; no id, and why, where the picture was refused."""
    codes: Codes
    gate: str = ""
    """Why nothing of the picture could be compared, if so (`picture.Gate`)."""


class Kept:
    """Values by key, kept in a file line by line."""

    def __init__(self, path: Path, type_: Any) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        decoder = msgspec.json.Decoder(tuple[str, type_])
        self.known: dict[str, Any] = dict(decoder.decode(line) for line in lines if line.endswith(b"]"))

    def complete(self, items: Mapping[str, Any], find: Any, *, processes: int) -> None:
        """Find what is not known yet of these, by key, and say how far it is."""
        waiting = [item for key, item in items.items() if key not in self.known]
        begun = time.monotonic()
        with multiprocessing.Pool(processes) as pool, self._path.open("ab") as file:
            for n, pair in enumerate(pool.imap_unordered(find, waiting, chunksize=_AT_ONCE), 1):
                self.known[pair[0]] = pair[1]
                file.write(msgspec.json.encode(pair) + b"\n")
                if n % 500 == 0:
                    file.flush()
                    left = (time.monotonic() - begun) / n * (len(waiting) - n)
                    print(f"{n} of {len(waiting)}, {left / 60:.0f} minutes left", flush=True)


_TABLE: PictureTable
_FAMILY_OF: dict[bytes, Picture]


def _ask(folder: Path, question: Question) -> tuple[str, Answer]:
    data = file_of(question, folder)
    try:
        asked = describe(data, query=True)
    except UnreadablePicture as error:
        return question.key, Answer([("", error.code, 0)], {})
    found = likenesses(asked.panes, [_TABLE])[:8]
    hits = [(_FAMILY_OF[f.digest].id, f.kind.value, f.inliers) for f in found]
    seen = any(pane.phash or pane.keypoints for pane in asked.panes)
    gate = "" if seen else asked.panes[0].gate.value
    return question.key, Answer(hits, picture_baselines.codes(data), gate)


def _segments_asked(folder: Path, question: Question) -> tuple[str, Codes]:
    try:
        return question.key, picture_baselines.segments(file_of(question, folder))
    except UnreadablePicture:
        return question.key, {}


def _segments_known(folder: Path, picture: Picture) -> tuple[str, Codes]:
    return picture.id, picture_baselines.segments(as_file(_prepared(folder, picture)))


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
    questions: Sequence[Question],
    answers: dict[str, Answer],
    family_of: dict[str, str],
    by: Callable[[Question], str],
) -> tuple[dict[str, Tally], list[str]]:
    """By that group, and what was asserted of a picture of another family."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    wrong = []
    for question in questions:
        hits = answers[question.key].found
        kinds = [kind for other, kind, _ in hits if family_of.get(other) == question.picture.family]
        tallies[by(question)].add(found=bool(kinds), asserted=any(kind in ASSERTING for kind in kinds))
        wrong += [
            f"{question.key}: {kind} {other} ({inliers})"
            for other, kind, inliers in hits
            if kind in ASSERTING and family_of.get(other) != question.picture.family
        ]
    return dict(tallies), wrong


def group_of(question: Question) -> str:
    """The class of a question's alteration."""
    return _BY_NAME[question.alteration].group if question.alteration else "plain"


def said(
    questions: Sequence[Question], answers: dict[str, Answer], family_of: dict[str, str]
) -> dict[Kind, int]:
    """For how many questions each kind was said at all (strangers), or was the best that was said rightly."""
    counted = dict.fromkeys(Kind, 0)
    for question in questions:
        hits = answers[question.key].found
        if question.picture.set == "registered":
            hits = [hit for hit in hits if family_of.get(hit[0]) == question.picture.family][:1]
        for kind in {kind for other, kind, _ in hits if other}:
            counted[Kind(kind)] += 1
    return counted


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


def of_holdout(
    known: Sequence[Question],
    unknown: Sequence[Question],
    answers: dict[str, Answer],
    family_of: dict[str, str],
) -> dict[str, float]:
    """What Holdout finds; prints what it asserted of pictures that seem to be others."""
    groups, wrong = tallied(known, answers, family_of, group_of)
    kinds, _ = tallied(known, answers, family_of, lambda question: question.picture.kind)
    _, false = tallied(unknown, answers, family_of, group_of)
    # Within a package, families are often related after all: names tell little.
    across = [line for line in wrong if _is_unrelated(*_packages_of(line))]
    for line in across + false:
        print("asserted of another family:", line)
    asked = sum(tally.asked for tally in groups.values())
    gated = Counter(group_of(question) for question in known if answers[question.key].gate)
    best, strangers = (said(questions, answers, family_of) for questions in (known, unknown))
    return {
        "recall_overall": sum(tally.found for tally in groups.values()) / asked,
        "asserted_overall": sum(tally.asserted for tally in groups.values()) / asked,
        **{f"recall_{group}": tally.recall for group, tally in sorted(groups.items())},
        **{f"asserted_{group}": tally.asserted / tally.asked for group, tally in sorted(groups.items())},
        # Not compared, by design: flat, tiny or nothing but text. They count as not found.
        "gated_overall": gated.total() / asked,
        **{f"gated_{group}": gated[group] / tally.asked for group, tally in sorted(groups.items())},
        **{f"recall_of_{kind}": tally.recall for kind, tally in sorted(kinds.items())},
        **{f"said_{kind}": count / asked for kind, count in best.items()},
        **{f"said_{kind}_of_strangers": count / len(unknown) for kind, count in strangers.items()},
        "asserted_of_another_package": len(across),
        "stranger_queries": len(unknown),
        "stranger_pictures": len({question.picture.id for question in unknown}),
        "false_of_strangers": len(false),
        "false_per_stranger_query_upper95": upper95(len({f.split(":")[0] for f in false}), len(unknown)),
    }


def _packages_of(line: str) -> tuple[str, str]:
    asked, _, answered = line.partition(": ")
    return asked.split("/")[0], answered.split(" ")[1].split("/")[0]


def _is_unrelated(package: str, other: str) -> bool:
    return package != other and frozenset({package, other}) not in pictures.RELATED


def of_others(
    known: Sequence[Question],
    unknown: Sequence[Question],
    asked: dict[str, Codes],
    registered: dict[str, Codes],
    family_of: dict[str, str],
) -> dict[str, float]:
    """What others' codes find of the same questions, where not more than one stranger in a thousand is taken
    for a registered picture; of each class of alterations, and of all.
    """
    ids = list(registered)
    table = [picture_baselines.upright(registered[id_]) for id_ in ids]
    found: dict[str, float] = {}
    for name in registered[ids[0]]:
        nearest = partial(picture_baselines.nearest, known=table, name=name)
        strangers = [far for far, _ in nearest([asked[q.key] for q in unknown])]
        limit = picture_baselines.threshold(strangers)
        tallies: dict[str, Tally] = defaultdict(Tally)
        for question, (far, at) in zip(known, nearest([asked[q.key] for q in known]), strict=True):
            right = far <= limit and family_of[ids[at]] == question.picture.family
            for group in (group_of(question), "overall"):
                tallies[group].add(found=right, asserted=right)
        found[f"{name}_threshold_bits"] = limit
        found[f"{name}_strangers_taken"] = sum(far <= limit for far in strangers) / len(strangers)
        found |= {f"{name}_recall_{group}": tally.recall for group, tally in sorted(tallies.items())}
    return found


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
    _TABLE, _FAMILY_OF, codes = registered_table(folder, registered, processes=given.processes)
    size = _TABLE.nbytes / _TABLE.assets
    print(f"{_TABLE.assets} of {len(registered)} pictures registered, {size:.0f} bytes each", flush=True)
    with_looks = [picture for picture in registered if picture.id in codes]
    known = of_registered(with_looks, strangers, count=given.originals, side=given.side)
    unknown = of_strangers(strangers, count=given.strangers)
    family_of = {picture.id: picture.family for picture in registered}
    keep = partial(Kept.complete, processes=given.processes)

    answers = Kept(folder / f"answers-{_version()}-{_matching_version()}.ndjson", Answer)
    keep(answers, {question.key: question for question in unknown + known}, partial(_ask, folder))
    others = Kept(folder / f"segments-{_questions_version()}.ndjson", Codes)
    few_known, few_unknown = known[::_SEGMENTED], unknown[::_SEGMENTED]
    keep(
        others,
        {question.key: question for question in few_unknown + few_known},
        partial(_segments_asked, folder),
    )
    keep(others, {picture.id: picture for picture in with_looks}, partial(_segments_known, folder))

    figures: dict[str, float] = {
        "works": len(registered),
        "works_with_looks": len(with_looks),
        "originals_per_alteration": given.originals,
        "alterations": len(ALTERATIONS),
        **of_holdout(known, unknown, answers.known, family_of),
        **of_others(
            known, unknown, {key: answer.codes for key, answer in answers.known.items()}, codes, family_of
        ),
        **of_others(
            few_known, few_unknown, others.known, {id_: others.known[id_] for id_ in codes}, family_of
        ),
        **speeds(folder, known[:: max(1, len(known) // _TIMED)]),
    }
    if given.side == "report":
        results.write("recognition", figures)
    else:
        for name, value in figures.items():
            print(f"{name:40} {value:.4f}")


if __name__ == "__main__":
    main()
