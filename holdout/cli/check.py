"""`holdout check`: a few pictures, now."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from holdout.answers import Answer
from holdout.cli import options
from holdout.cli.show import FAILED, notes, out, print_json
from holdout.client import Client, Retry
from holdout.errors import HoldoutError, InvalidInput, RequestRefused
from holdout.fingerprints import PHASH_256, fingerprint_picture
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


def check(
    targets: Annotated[list[str], typer.Argument(help="URLs (https://...) and files.", show_default=False)],
    use: Annotated[
        list[str] | None, typer.Option("--use", help=f"{options.UseHelp} Without it: all.")
    ] = None,
    on_unset: Annotated[str, typer.Option("--on-unset", help=options.UnsetHelp)] = Decision.DROP.value,
    on_review: Annotated[str, typer.Option("--on-review", help=options.ReviewHelp)] = Decision.DROP.value,
    server: options.Server = None,
    key: options.Key = None,
    snapshot: options.Snapshot = None,
    public_key: options.PublicKeys = None,
    confirm: options.Confirm = False,
    confirm_by_ranges: options.ByRanges = False,
    as_json: options.AsJson = False,
) -> None:
    """What is said about pictures, by URL or as files on this machine.

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
    compared = choice.snapshot is None and key is not None and all(map(find_spec, ("PIL", "imagehash")))
    asked = [_target(name, looks_matter=compared) for name in targets]
    if not compared and any("://" not in name for name in targets):
        notes().print(
            "[yellow]Files are compared by digest alone, which finds no altered copies.[/] For those ask a"
            " registry with a key, with holdout-registry\\[pictures] installed and without --snapshot."
        )
    answers = list(_answers(asked, choice))
    decided = [_decision(answer, by) for answer in answers]
    if as_json:
        print_json(_json(asked, answers, decided, by))
    else:
        _print(asked, answers, decided, by)
    if Decision.FAIL in decided:
        raise typer.Exit(FAILED)
    if any(decision is not Decision.KEEP for decision in decided):
        raise typer.Exit(_RESERVED)


def _target(name: str, *, looks_matter: bool) -> _Target:
    if "://" in name:
        return _Target(name, Query(url=name))
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        why = f"Neither a URL nor a file that can be read: {error.strerror}."
        return _Target(name, InvalidInput("file_unreadable", why))
    try:
        codes = _codes(content) if looks_matter else {}
    except HoldoutError as error:
        return _Target(name, error)
    return _Target(name, Query(sha256=hashlib.sha256(content).digest(), codes=codes))


def _codes(content: bytes) -> dict[str, tuple[bytes, ...]]:
    """The picture's perceptual codes. Raises what `fingerprint_picture` does: what nobody can look at was not
    checked.
    """
    found = fingerprint_picture(content, orientations=True)
    return {PHASH_256.id: found.orientations} if found.orientations else {}


def _answers(asked: Sequence[_Target], choice: Choice) -> Iterator[Answer]:
    queries = [target.query for target in asked if isinstance(target.query, Query)]
    if choice.snapshot is not None:
        columns = questions(urls=[q.url for q in queries], sha256=[q.sha256 for q in queries])
        with choice.opened() as source:
            found = iter(answered(source, columns) if queries else ())
    else:
        found = _by_registry(queries, choice)
    for target in asked:
        yield _failed(target.query) if isinstance(target.query, HoldoutError) else next(found)


def _by_registry(queries: Sequence[Query], choice: Choice) -> Iterator[Answer]:
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


def _failed(error: HoldoutError) -> Answer:
    return Answer(Status.FAILED, error=error.code, detail=error.detail)


def _decision(answer: Answer, by: Policy) -> Decision:
    if answer.status is Status.FAILED:
        return Decision.HOLD if answer.error == CONFIRMATION_NEEDED else Decision.FAIL
    return by.of(answer.uses)


def _print(
    asked: Sequence[_Target], answers: Sequence[Answer], decided: Sequence[Decision], by: Policy
) -> None:
    for target, answer, decision in zip(asked, answers, decided, strict=True):
        out().print(f"{_WORDS[decision]}  {target.name.replace('[', chr(92) + '[')}", highlight=False)
        for line in _details(answer):
            out().print(f"    {line}", highlight=False, markup=False)
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


def _json(
    asked: Sequence[_Target], answers: Sequence[Answer], decided: Sequence[Decision], by: Policy
) -> dict[str, Any]:
    return {
        "policy": by.record(),
        "answers": [
            {
                "target": target.name,
                "decision": decision.value,
                "status": answer.status.value,
                "uses": {use.value: outcome.value for use, outcome in answer.uses.items()},
                "source": answer.source,
                "disputed": answer.disputed,
                "error": answer.error,
                "as_of": answer.as_of and answer.as_of.log_index,
            }
            for target, answer, decision in zip(asked, answers, decided, strict=True)
        ],
    }
