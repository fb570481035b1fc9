"""What keys mean by themselves: together what `resolve` says, or what is left to the registry."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.index.records import DISPUTED, GRANT, RECORD, VOUCHED, Kind, Records
from holdout.index.said import said_of
from holdout.resolution import LEAST_ASSURANCE, Assurance, Grant, MatchedStatement, resolve
from holdout.snapshot.codes import ASK, BITS, CODES, from_uses
from holdout.verdicts import AsOf, MatchMethod
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from lookup.grants import Granted
from lookup.key_codes import Said, key_codes

NOW = AsOf(100, datetime(2026, 11, 22, tzinfo=UTC))
NO_AI, OPEN, LICENCE = PRESETS["no-ai"], PRESETS["open"], PRESETS["licence-first"]
GEN, TDM = UsageCategory.TRAIN_GEN, UsageCategory.TDM
DENY: Preferences = {GEN: Preference.DENY}
TDM_TOO: Preferences = {GEN: Preference.DENY, TDM: Preference.DENY}
ASK_FIRST: Preferences = {GEN: Preference.CONDITIONAL}
KINDS = {
    MatchMethod.URL: Kind.URL,
    MatchMethod.PICTURE: Kind.PICTURE,
    MatchMethod.PATH: Kind.PATH,
    MatchMethod.ACCOUNT: Kind.ACCOUNT,
    MatchMethod.HOST: Kind.HOST,
    MatchMethod.DOMAIN: Kind.DOMAIN,
    MatchMethod.EXACT_FILE: Kind.FILE,
}


@dataclass(frozen=True)
class Saying:
    """A statement at a key."""

    method: MatchMethod = MatchMethod.URL
    preferences: Preferences = frozenset()  # type: ignore[assignment]
    declarant: int = 1
    assurance: Assurance = Assurance.L3
    disputed: bool = False
    vouched: bool = False


def records(sayings: Iterable[Saying]) -> Records:
    sayings = list(sayings)
    record = np.zeros(len(sayings), dtype=RECORD)
    for i, s in enumerate(sayings):
        record[i]["declarant"] = s.declarant.to_bytes(8) * 2
        record[i]["said"] = said_of(s.preferences)
        record[i]["assurance"] = s.assurance
        record[i]["flags"] = DISPUTED * s.disputed | VOUCHED * s.vouched
        record[i]["kind"] = KINDS[s.method]
    return record


Uses = Mapping[int, Collection[UsageCategory]]
"""What some declarants granted."""


def granted(uses: Uses) -> Granted:
    record = np.zeros(len(uses), dtype=GRANT)
    for i, (declarant, some) in enumerate(uses.items()):
        record[i]["declarant"] = declarant.to_bytes(8) * 2
        record[i]["uses"] = sum(1 << [*UsageCategory].index(use) for use in some)
    return Granted(vendor="org_vera", records=record)


def codes(*keys: list[Saying], grants: Uses = MappingProxyType({})) -> list[int]:
    """The codes of keys at which these statements were made, for who was granted that."""
    first = np.append(0, np.cumsum([len(key) for key in keys])).astype(np.uint32)
    (found,) = key_codes([Said(first, records(s for key in keys for s in key))], granted=granted(grants))
    return [int(code) for code in found]


def one(preferences: Preferences, method: MatchMethod = MatchMethod.URL, **more: object) -> list[Saying]:
    return [Saying(method, preferences, **more)]  # type: ignore[arg-type]


def test_no_keys_have_no_codes() -> None:
    assert codes() == []
    assert codes([], []) == [0, 0]


def test_what_is_denied_and_what_needs_asking_has_a_code() -> None:
    assert codes(one(NO_AI), one(DENY, declarant=2), [], one(ASK_FIRST, declarant=3)) == [240, 162, 0, 81]


def test_several_statements_at_a_key_are_taken_together() -> None:
    deny_tdm = {TDM: Preference.DENY}
    assert codes(one(DENY) + one(deny_tdm, declarant=2), [], one(NO_AI, declarant=3)) == [168, 0, 240]


@pytest.mark.parametrize("permits", [OPEN, LICENCE], ids=["open", "licence-first"])
def test_whatever_permits_is_left_to_the_registry(permits: Preferences) -> None:
    assert codes(one(permits), one(NO_AI, declarant=2) + one(permits)) == [ASK, ASK]


def test_a_permission_that_has_no_effect_changes_nothing() -> None:
    assert codes(one(OPEN, assurance=Assurance.L1), one(OPEN, vouched=True)) == [0, 0]
    assert codes(one(NO_AI) + one(OPEN, vouched=True, declarant=2)) == [240]


def test_what_is_disputed_is_left_to_the_registry() -> None:
    assert codes(one(NO_AI, disputed=True), one(OPEN, disputed=True)) == [ASK, 0]


@pytest.mark.parametrize("method", KINDS)
def test_what_is_not_proven_well_enough_says_nothing(method: MatchMethod) -> None:
    least = LEAST_ASSURANCE[method]
    for assurance in Assurance:
        assert codes(one(NO_AI, method, assurance=assurance)) == [240 if assurance >= least else 0]


def test_of_what_a_grant_lifts_nothing_is_left_or_the_registry_has_to_be_asked() -> None:
    near_allow = one(DENY, assurance=Assurance.L1)
    assert codes(one(DENY), near_allow, one(NO_AI), grants={1: [GEN]}) == [ASK, 0, ASK]
    assert codes(one(DENY, vouched=True), one(TDM_TOO, vouched=True), grants={1: [GEN]}) == [0, 6]
    assert codes(one(DENY, declarant=2), grants={1: [GEN]}) == [162]
    assert codes(one(DENY, disputed=True), grants={1: [GEN]}) == [ASK]


def test_a_flag_that_nobody_knows_is_left_to_the_registry() -> None:
    record = records(one(NO_AI))
    record["flags"] = 4
    assert key_codes([Said(np.array([0, 1], np.uint32), record)])[0].tolist() == [ASK]


@pytest.mark.parametrize("column", ["kind", "assurance"])
def test_what_cannot_be_is_not_published(column: str) -> None:
    record = records(one(NO_AI))
    record[column] = 7
    with pytest.raises(ValueError, match="7 is not a valid"):
        key_codes([Said(np.array([0, 1], np.uint32), record)])


# --- exceptions: the more specific place of one declarant wins


def test_who_denies_here_and_says_ask_first_there_may_have_made_an_exception() -> None:
    assert codes(one(DENY, MatchMethod.DOMAIN), one(ASK_FIRST, MatchMethod.PATH)) == [162, ASK]


def test_what_others_deny_makes_no_exception() -> None:
    assert codes(one(DENY, MatchMethod.DOMAIN, declarant=2), one(ASK_FIRST, MatchMethod.PATH)) == [162, 81]


def test_what_is_denied_for_another_use_makes_no_exception() -> None:
    assert codes(one({TDM: Preference.DENY}, MatchMethod.DOMAIN), one(ASK_FIRST, MatchMethod.PATH)) == [6, 81]


def test_saying_nothing_about_a_use_makes_no_exception() -> None:
    """Where the more specific place is silent, the wider one holds: together they say the same."""
    assert codes(one(NO_AI, MatchMethod.DOMAIN), one(DENY, MatchMethod.PATH)) == [240, 162]


def test_a_denial_without_effect_makes_no_exception() -> None:
    weak = one(DENY, MatchMethod.DOMAIN, assurance=Assurance.L1)
    assert codes(weak, one(ASK_FIRST, MatchMethod.PATH)) == [0, 81]


def test_content_always_counts_however_specific() -> None:
    assert codes(one(DENY), one(ASK_FIRST, MatchMethod.EXACT_FILE)) == [162, 81]
    assert codes(one(DENY, MatchMethod.EXACT_FILE), one(ASK_FIRST)) == [162, 81]


def test_an_exception_shows_across_tables() -> None:
    first = np.array([0, 1], np.uint32)
    urls = Said(first, records(one(ASK_FIRST)))
    places = Said(first, records(one(DENY, MatchMethod.HOST)))
    assert [part.tolist() for part in key_codes([urls, places])] == [[ASK], [162]]
    assert [part.tolist() for part in key_codes([urls])] == [[81]]


# --- the keys of one picture together

places = st.sampled_from([method for method in KINDS if method is not MatchMethod.EXACT_FILE])
preferences = st.dictionaries(st.sampled_from([GEN, TDM]), st.sampled_from(Preference))
sayings = st.builds(
    Saying,
    method=st.one_of(places, st.just(MatchMethod.EXACT_FILE)),
    preferences=preferences,
    declarant=st.integers(1, 3),
    assurance=st.sampled_from(Assurance),
    disputed=st.integers(0, 9).map(lambda n: n == 0),
    vouched=st.integers(0, 5).map(lambda n: n == 0),
)
ORDER = [*KINDS].index


def said_by(sayings: list[Saying], preference: Preference) -> set[tuple[int, UsageCategory]]:
    return {(s.declarant, use) for s in sayings for use, p in s.preferences.items() if p is preference}


grants_ = st.dictionaries(st.integers(1, 4), st.sets(st.sampled_from([GEN, TDM]), min_size=1), max_size=2)


@given(found=st.lists(sayings, max_size=8), others=st.lists(sayings, max_size=4), grants=grants_)
def test_the_keys_of_a_picture_together_say_what_resolve_says_or_leave_it_to_the_registry(
    found: list[Saying], others: list[Saying], grants: dict[int, set[UsageCategory]]
) -> None:
    """`found` are at keys of the picture, one key of each kind; `others` somewhere else."""
    keys = [[s for s in found if s.method is method] for method in KINDS]
    together = codes(*keys, *([s] for s in others), grants=grants)[: len(keys)]
    code = int(CODES[np.bitwise_or.reduce(BITS[together])])
    statements = [
        MatchedStatement(
            statement=str(i),
            declarant=str(s.declarant),
            preferences=s.preferences,
            method=s.method,
            assurance=s.assurance,
            declared_at=0,
            specificity=(-ORDER(s.method),),
            disputed=s.disputed,
            vouched=s.vouched,
        )
        for i, s in enumerate(found)
    ]
    given_ = [
        Grant(f"grant {i}", str(i), "org_vera", frozenset(uses), 0, None, datetime.max.replace(tzinfo=UTC))
        for i, uses in grants.items()
    ]
    resolution = resolve(statements=statements, grants=given_, vendor="org_vera", as_of=NOW)
    expected = ASK if resolution.disputed else from_uses(resolution.uses)
    assert code in {expected, ASK}
    if not grants and all(s.preferences.get(use) != "allow" for s in found for use in UsageCategory):
        # Nothing is left to the registry without a reason.
        denied = {
            (s.declarant, use) for s in found + others for use, p in s.preferences.items() if p == "deny"
        }
        asking = {(s.declarant, use) for s in found for use, p in s.preferences.items() if p == "conditional"}
        if not denied & asking and not any(s.disputed for s in found):
            assert code == expected
