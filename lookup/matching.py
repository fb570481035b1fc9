"""Which registered subjects answer to the asked keys: one pass over a whole batch, few queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from holdout.errors import HoldoutError
from holdout.fingerprints.algorithms import PHASH_256
from holdout.resolution import Assurance
from holdout.urls import KeyKind, canonicalize, key_check, rule_keys
from holdout.verdicts import MatchMethod, Query
from lookup.codes import PHASH_256_INDEX
from registry import queries as registry

_KEYS_AT_ONCE: Final = 20_000
"""Distinct keys in one database query; it also bounds what a batch of deep URLs holds in memory."""

_AskedKeys = dict[bytes, list[tuple[int, KeyKind, tuple[int, ...]]]]
"""By check: the queries that have the key, its kind and its specificity."""


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
    asked: _AskedKeys = defaultdict(list)
    for i, query in enumerate(queries):
        if query.url is None:
            continue
        try:
            keys = rule_keys(canonicalize(query.url))
        except HoldoutError as error:
            matched.errors[i] = error
            continue
        for key in keys:
            asked[key_check(key.text)].append((i, key.kind, key.specificity))
        if len(asked) >= _KEYS_AT_ONCE:
            _match_keys(asked, matched, as_of=as_of)
            asked.clear()
    _match_keys(asked, matched, as_of=as_of)


def _match_keys(asked: _AskedKeys, matched: Matched, *, as_of: int) -> None:
    if not asked:
        return
    for found in registry.locators_by_check(list(asked), as_of=as_of):
        for i, kind, specificity in asked[found.key_check]:
            matched.matches[i].append(
                Match(
                    method=MatchMethod(kind),
                    assurance=found.assurance,
                    work=found.work,
                    locator=None if found.work else found.locator,
                    specificity=specificity,
                )
            )


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
    asked: dict[bytes, list[int]] = defaultdict(list)
    for i, query in enumerate(queries):
        for code in query.codes.get(PHASH_256.id, ()):
            asked[code].append(i)
    codes = list(asked)
    near = PHASH_256_INDEX.near(codes, as_of=as_of)
    # Several orientations of one picture may find the same file: it is one match.
    once = dict.fromkeys((i, n.asset) for n in near for i in asked[codes[n.query]])
    return [(i, MatchMethod.CODES, asset) for i, asset in once]


def _add_assets(found: Sequence[_Found], matched: Matched, *, as_of: int) -> None:
    if not found:
        return
    proven = registry.asset_assurances({asset.asset for _, _, asset in found}, as_of=as_of)
    for i, method, asset in found:
        assurance = proven.get(asset.asset, Assurance.L0)
        matched.matches[i].append(Match(method, assurance, work=asset.work))
