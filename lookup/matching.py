"""Which registered subjects answer to the asked keys: one pass over a whole batch, few queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdout.errors import HoldoutError
from holdout.resolution import Assurance
from holdout.urls import RuleKey, canonicalize, key_check, rule_keys
from holdout.verdicts import MatchMethod, Query
from lookup.codes import PHASH_256
from registry import queries as registry

_CHECKS_A_QUERY = 20_000


@dataclass(frozen=True, slots=True)
class Match:
    """A registered subject found for a query: a work or a locator (primary keys), and how."""

    method: MatchMethod
    assurance: Assurance
    work: int | None = None
    locator: int | None = None
    specificity: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """Per query, what was found; or, in `errors`, why the query could not be looked up."""

    matches: list[list[Match]]
    errors: dict[int, HoldoutError]


_Found = tuple[int, MatchMethod, registry.FoundAsset]
"""The number of a query, and a file found for it."""


def match(queries: Sequence[Query], *, as_of: int) -> Matched:
    """Look up every key of every query. Answer i depends on query i alone."""
    matched = Matched([[] for _ in queries], {})
    _match_urls(queries, matched, as_of=as_of)
    files = _same_files(queries, as_of=as_of) + _near_codes(queries, as_of=as_of)
    _add_assets(files, matched, as_of=as_of)
    return matched


def _match_urls(queries: Sequence[Query], matched: Matched, *, as_of: int) -> None:
    asked: dict[bytes, list[tuple[int, RuleKey]]] = defaultdict(list)
    for i, query in enumerate(queries):
        if query.url is None:
            continue
        try:
            keys = rule_keys(canonicalize(query.url))
        except HoldoutError as error:
            matched.errors[i] = error
            continue
        for key in keys:
            asked[key_check(key.text)].append((i, key))
    for found in _locators(list(asked), as_of=as_of):
        for i, key in asked[found.key_check]:
            matched.matches[i].append(
                Match(
                    method=MatchMethod(key.kind),
                    assurance=found.assurance,
                    work=found.work,
                    locator=None if found.work else found.locator,
                    specificity=key.specificity,
                )
            )


def _locators(checks: Sequence[bytes], *, as_of: int) -> Iterable[registry.FoundLocator]:
    for start in range(0, len(checks), _CHECKS_A_QUERY):
        yield from registry.locators_by_check(checks[start : start + _CHECKS_A_QUERY], as_of=as_of)


def _same_files(queries: Sequence[Query], *, as_of: int) -> list[_Found]:
    asked: dict[bytes, list[int]] = defaultdict(list)
    for i, query in enumerate(queries):
        if query.sha256 is not None:
            asked[query.sha256].append(i)
    if not asked:
        return []
    found = registry.assets_by_sha256(asked, as_of=as_of)
    return [(i, MatchMethod.EXACT_FILE, asset) for asset in found for i in asked[asset.value]]


def _near_codes(queries: Sequence[Query], *, as_of: int) -> list[_Found]:
    asked = [(i, code) for i, query in enumerate(queries) for code in query.codes.get("phash-256/1", ())]
    near = PHASH_256.near([code for _, code in asked], as_of=as_of)
    return [(asked[n.query][0], MatchMethod.CODES, n.asset) for n in near]


def _add_assets(found: Sequence[_Found], matched: Matched, *, as_of: int) -> None:
    if not found:
        return
    proven = registry.asset_assurances({asset.asset for _, _, asset in found}, as_of=as_of)
    for i, method, asset in found:
        assurance = proven.get(asset.asset, Assurance.L0)
        matched.matches[i].append(Match(method, assurance, work=asset.work))
