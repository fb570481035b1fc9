"""`holdout check`: a few pictures, or a folder of them, now."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, Self

import typer

from holdout.answers import Answer
from holdout.cli import options
from holdout.cli.show import FAILED, notes, out, print_json
from holdout.client import Client, Retry
from holdout.client.lookups import query_chunks
from holdout.errors import HoldoutError, InvalidInput, RequestRefused
from holdout.fingerprinting.look import can_look, digest, look
from holdout.fingerprinting.pool import in_order
from holdout.fingerprinting.run import ready
from holdout.fingerprinting.walk import Found, walk
from holdout.fingerprints import Sandbox
from holdout.opening import Choice
from holdout.policy import CONFIRMATION_NEEDED, Decision, Policy, policy
from holdout.questions import questions
from holdout.sources import answered
from holdout.verdicts import Query, Status
from holdout.vocabulary import UsageCategory

_RESERVED: Final = 1
_SHORT: Final = Retry(patience_seconds=60.0)
"""Somebody is waiting."""
_WORDS: Final = {
    Decision.KEEP: "[green]may be used[/]",
    Decision.HOLD: "[yellow]held[/]",
    Decision.DROP: "[red]not to be used[/]",
    Decision.FAIL: "[bold red]failed[/]",
}


@dataclass(frozen=True, slots=True)
class _Target:
    name: str
    query: Query | HoldoutError


@dataclass(frozen=True, slots=True)
class _Checked:
    name: str
    answer: Answer
    decision: Decision


def check(
    targets: Annotated[
        list[str],
        typer.Argument(help="URLs (https://...), files, and folders of pictures.", show_default=False),
    ],
    use: Annotated[
        list[str] | None, typer.Option("--use", help=f"{options.UseHelp} Without it: all.")
    ] = None,
    on_unset: Annotated[str, typer.Option("--on-unset", help=options.UnsetHelp)] = Decision.DROP.value,
    on_review: Annotated[str, typer.Option("--on-review", help=options.ReviewHelp)] = Decision.DROP.value,
    only: options.Only = None,
    server: options.Server = None,
    key: options.Key = None,
    snapshot: options.Snapshot = None,
    public_key: options.PublicKeys = None,
    confirm: options.Confirm = False,
    confirm_by_ranges: options.ByRanges = False,
    workers: options.Workers = None,
    as_json: options.AsJson = False,
) -> None:
    """What is said about pictures, by URL or on this machine.

    Ends with 0 only if all of them may be used, 1 if something is reserved or not permitted, 2 if something
    could not be looked up. Unless you say otherwise only an express permission for every use counts.

    A file is compared by its SHA-256 and, where holdout-registry[pictures] is installed, by what it shows.
    Only these fingerprints leave this machine.
    """
    by = policy(use=use or list(UsageCategory), on_unset=on_unset, on_review=on_review)
    choice = options.chosen(
        server=server,
        key=key,
        snapshot=snapshot,
        public_keys=public_key,
        confirm=confirm,
        by_ranges=confirm_by_ranges,
        retry=_SHORT,
    )
    decisions: set[Decision] = set()
    lines = []
    with _Files(targets, choice, only=only or [], workers=workers or options.cores()) as files:
        for target, answer in _answered(files.targets(targets), choice):
            checked = _Checked(target.name, answer, _decision(answer, by))
            decisions.add(checked.decision)
            if as_json:
                lines.append(_line(checked))
            else:
                _print(checked)
        files.say_what_was_skipped()
    if as_json:
        print_json({"policy": by.record(), "answers": lines})
    else:
        _say_policy(by)
    if Decision.FAIL in decisions:
        raise typer.Exit(FAILED)
    if decisions - {Decision.KEEP}:
        raise typer.Exit(_RESERVED)


class _Files:
    """Turns what was named into questions. Looks at files only once their turn has come."""

    def __init__(self, targets: Sequence[str], choice: Choice, *, only: Sequence[str], workers: int) -> None:
        self._only, self._workers = only, workers
        self._skipped = 0
        self._looks_matter = choice.snapshot is None and choice.key is not None and can_look()
        self._sandbox = Sandbox()
        if all(map(_is_url, targets)):
            return
        if self._looks_matter:
            ready(self._sandbox)
        else:
            notes().print(
                "[yellow]Files are compared by digest alone, which finds no altered copies.[/] For those ask"
                " a registry with a key, with holdout-registry\\[pictures] installed and without --snapshot."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.close()

    def targets(self, names: Iterable[str]) -> Iterator[_Target]:
        """In the order of the names, and of the files below each."""
        with closing(in_order(self._target, self._found(names), threads=self._workers)) as found:
            for target in found:
                if target is None:
                    self._skipped += 1
                else:
                    yield target

    def say_what_was_skipped(self) -> None:
        if self._skipped:
            notes().print(f"[dim]{self._skipped:,} files that are no pictures were skipped.[/]")

    def _found(self, names: Iterable[str]) -> Iterator[str | Found]:
        """A folder without a file is as much of a mistake as a file that is not there."""
        for name in names:
            if _is_url(name):
                yield name
                continue
            folder = Path(name)
            below = walk([folder], only=self._only)
            first = next(below, None)
            if first is None:
                why = InvalidInput("input_missing", "There is no file in this folder that could be checked.")
                yield Found(folder, name, True, problem=why)
                continue
            is_folder = folder.is_dir()
            for found in chain([first], below):
                yield replace(found, name=str(folder / found.name)) if is_folder else found

    def _target(self, what: str | Found) -> _Target | None:
        if isinstance(what, str):
            return _Target(what, Query(url=what))
        try:
            query = self._query(what)
        except HoldoutError as error:
            return _Target(what.name, error)
        return None if query is None else _Target(what.name, query)

    def _query(self, found: Found) -> Query | None:
        """Raises as `look` does: what nobody can look at was not checked."""
        if self._looks_matter:
            fingerprints = look(found, self._sandbox)
            return None if fingerprints is None else Query(fingerprints=fingerprints)
        sha256 = digest(found)
        return None if sha256 is None else Query(sha256=sha256)


def _is_url(name: str) -> bool:
    return "://" in name


def _answered(targets: Iterator[_Target], choice: Choice) -> Iterator[tuple[_Target, Answer]]:
    """Each target with its answer, in order, while later ones are still being looked at."""
    waiting: deque[_Target] = deque()

    def queries() -> Iterator[Query]:
        for target in targets:
            waiting.append(target)
            if isinstance(target.query, Query):
                yield target.query

    def failed() -> Iterator[tuple[_Target, Answer]]:
        while waiting and isinstance(error := waiting[0].query, HoldoutError):
            yield waiting.popleft(), _failed(error)

    for answer in _answers(queries(), choice):
        yield from failed()
        yield waiting.popleft(), _explained(answer)
    yield from failed()


def _answers(queries: Iterator[Query], choice: Choice) -> Iterator[Answer]:
    if choice.snapshot is None:
        yield from _by_registry(queries, choice)
        return
    with choice.opened() as source:
        for chunk in query_chunks(queries):
            columns = questions(urls=[q.url for q in chunk], sha256=[q.sha256 for q in chunk])
            yield from answered(source, columns)


def _by_registry(queries: Iterator[Query], choice: Choice) -> Iterator[Answer]:
    with Client(choice.server or "", choice.key, retry=choice.retry) as registry:
        if choice.key is not None:
            yield from registry.lookup(queries)
            return
        for query in queries:
            try:
                yield registry.status(query.url, sha256=query.sha256)
            except RequestRefused as error:
                if error.status != 422:
                    raise
                yield _failed(error)


def _explained(answer: Answer) -> Answer:
    """With more to go by where a registry does not know what it was asked."""
    if answer.error != "query_malformed" or "fingerprints" not in (answer.detail or ""):
        return answer
    why = "This registry is older than this command and compares no fingerprints; its operator can update it."
    return replace(answer, detail=f"{why} It says: {answer.detail}")


def _failed(error: HoldoutError) -> Answer:
    return Answer(Status.FAILED, error=error.code, detail=error.detail)


def _decision(answer: Answer, by: Policy) -> Decision:
    if answer.status is Status.FAILED:
        return Decision.HOLD if answer.error == CONFIRMATION_NEEDED else Decision.FAIL
    return by.of(answer.uses)


def _print(checked: _Checked) -> None:
    name = checked.name.replace("[", r"\[")
    out().print(f"{_WORDS[checked.decision]}  {name}", highlight=False)
    for line in _details(checked.answer):
        out().print(f"    {line}", highlight=False, markup=False)


def _say_policy(by: Policy) -> None:
    wanted = ", ".join(by.uses)
    notes().print(
        f"[dim]For {wanted}; of which nobody spoke: {by.on_unset}; for review: {by.on_review}.[/]",
        highlight=False,
    )


def _details(answer: Answer) -> Iterator[str]:
    """What is said, use by use, and by which statements."""
    if answer.error:
        yield f"{answer.error}: {answer.detail}" if answer.detail else answer.error
        return
    outcomes = dict.fromkeys(answer.uses.values())
    said = ((o.value, [use.value for use in UsageCategory if answer.uses[use] is o]) for o in outcomes)
    yield "; ".join(f"{outcome}: {', '.join(uses)}" for outcome, uses in said)
    for reason in answer.reasons:
        proof = "" if reason.assurance is None else f", L{reason.assurance}"
        yield f"by {reason.method}{proof}: {reason.source}"
    if answer.source and not answer.reasons:
        yield f"by {answer.source}"
    if answer.disputed:
        yield "disputed: somebody else claims it too"


def _line(checked: _Checked) -> dict[str, Any]:
    answer = checked.answer
    return {
        "target": checked.name,
        "decision": checked.decision.value,
        "status": answer.status.value,
        "uses": {use.value: outcome.value for use, outcome in answer.uses.items()},
        "source": answer.source,
        "disputed": answer.disputed,
        "error": answer.error,
        "as_of": answer.as_of and answer.as_of.log_index,
    }
