"""The rules of resolution, as examples and as properties over any statements, signals and grants."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.resolution import (
    LEAST_ASSURANCE,
    Assurance,
    Grant,
    MatchedStatement,
    most_restrictive,
    resolve,
)
from holdout.signals import Provenance, Signal
from holdout.verdicts import Access, AsOf, MatchMethod, Outcome
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory

NOW = datetime(2026, 11, 22, tzinfo=UTC)
AS_OF = AsOf(log_index=100, time=NOW)
GEN = UsageCategory.TRAIN_GEN
DENY: Preferences = {GEN: Preference.DENY}
ALLOW: Preferences = {GEN: Preference.ALLOW}
CONFIRMED = (MatchMethod.SAME_PICTURE, MatchMethod.CONTAINS, MatchMethod.PART_OF)


def said(preferences: Preferences, method: MatchMethod = MatchMethod.URL, **fields: Any) -> MatchedStatement:
    defaults: dict[str, Any] = {
        "statement": "stm_1",
        "declarant": "dcl_alice",
        "assurance": Assurance.L3,
        "declared_at": 1,
    }
    return MatchedStatement(preferences=preferences, method=method, **(defaults | fields))


def outcome(*statements: MatchedStatement, **more: Any) -> Outcome:
    return resolve(statements=statements, as_of=AS_OF, **more).uses[GEN]


def test_nothing_said_is_unknown_for_every_use() -> None:
    resolution = resolve(statements=[], as_of=AS_OF)
    assert set(resolution.uses) == set(UsageCategory)
    assert set(resolution.uses.values()) == {Outcome.UNKNOWN}
    assert resolution.reasons == ()


def test_my_whole_site_no_this_folder_yes() -> None:
    site = said(DENY, MatchMethod.DOMAIN, statement="stm_site", specificity=(0, 2))
    folder = said(ALLOW, MatchMethod.PATH, statement="stm_folder", specificity=(2, 9))
    assert outcome(site) is Outcome.DENY
    assert outcome(site, folder) is Outcome.ALLOW


def test_specificity_decides_use_by_use() -> None:
    site = said(PRESETS["no-ai"], MatchMethod.DOMAIN, statement="stm_site", specificity=(0, 2))
    folder = said(ALLOW, MatchMethod.PATH, statement="stm_folder", specificity=(2, 9))
    uses = resolve(statements=[site, folder], as_of=AS_OF).uses
    assert uses[GEN] is Outcome.ALLOW
    assert uses[UsageCategory.TDM] is Outcome.DENY


def test_a_folder_whose_control_is_not_proven_opens_nothing() -> None:
    site = said(DENY, MatchMethod.DOMAIN, specificity=(0, 2))
    folder = said(ALLOW, MatchMethod.PATH, specificity=(2, 9), assurance=Assurance.L1)
    assert outcome(site, folder) is Outcome.DENY


def test_a_statement_on_the_file_counts_beside_a_more_specific_place() -> None:
    place = said(ALLOW, MatchMethod.URL, specificity=(3, 9))
    file = said(DENY, MatchMethod.EXACT_FILE, statement="stm_file")
    assert outcome(place, file) is Outcome.DENY


@pytest.mark.parametrize("method", CONFIRMED)
@pytest.mark.parametrize(
    ("assurance", "expected"),
    [(Assurance.L0, Outcome.UNKNOWN), (Assurance.L1, Outcome.REVIEW), (Assurance.L2, Outcome.DENY)],
)
def test_a_near_copy_denies_only_with_geometry_and_a_proven_account(
    assurance: Assurance, expected: Outcome, method: MatchMethod
) -> None:
    assert outcome(said(DENY, method, assurance=assurance)) is expected
    assert outcome(said(ALLOW, method, assurance=assurance)) is Outcome.UNKNOWN


@pytest.mark.parametrize("assurance", list(Assurance)[1:])
def test_codes_alone_never_say_more_than_review(assurance: Assurance) -> None:
    assert outcome(said(DENY, MatchMethod.CODES, assurance=assurance)) is Outcome.REVIEW
    assert outcome(said(ALLOW, MatchMethod.CODES, assurance=assurance)) is Outcome.UNKNOWN


@pytest.mark.parametrize("change", [{"assurance": Assurance.L1}, {"vouched": True}, {"disputed": True}])
def test_an_allow_needs_proof_the_persons_own_act_and_no_dispute(change: dict[str, Any]) -> None:
    assert outcome(said(ALLOW)) is Outcome.ALLOW
    assert outcome(said(ALLOW, **change)) is Outcome.UNKNOWN


def test_a_dispute_keeps_the_denial_and_is_told() -> None:
    resolution = resolve(statements=[said(DENY, disputed=True)], as_of=AS_OF)
    assert resolution.uses[GEN] is Outcome.DENY
    assert resolution.disputed


def test_a_host_is_not_reserved_by_somebody_who_only_has_an_address() -> None:
    assert outcome(said(DENY, MatchMethod.HOST, assurance=Assurance.L1)) is Outcome.UNKNOWN


@pytest.mark.parametrize("method", [MatchMethod.URL, MatchMethod.PICTURE])
def test_one_picture_is_reserved_by_anybody_and_opened_only_with_proof(method: MatchMethod) -> None:
    assert outcome(said(DENY, method, assurance=Assurance.L0)) is Outcome.DENY
    assert outcome(said(ALLOW, method, assurance=Assurance.L1)) is Outcome.UNKNOWN
    assert outcome(said(ALLOW, method, assurance=Assurance.L2)) is Outcome.ALLOW


def test_an_account_that_the_url_names_reserves_and_opens_once_it_is_proven() -> None:
    assert outcome(said(DENY, MatchMethod.ACCOUNT, assurance=Assurance.L1)) is Outcome.UNKNOWN
    assert outcome(said(DENY, MatchMethod.ACCOUNT, assurance=Assurance.L2)) is Outcome.DENY
    assert outcome(said(ALLOW, MatchMethod.ACCOUNT, assurance=Assurance.L2)) is Outcome.ALLOW


def test_all_of_my_account_no_this_picture_yes() -> None:
    account = said(DENY, MatchMethod.ACCOUNT, statement="stm_account", specificity=(2, 18))
    picture = said(ALLOW, MatchMethod.PICTURE, statement="stm_picture", specificity=(4, 18))
    assert outcome(account, picture) is Outcome.ALLOW


@pytest.mark.parametrize("assurance", list(Assurance))
def test_a_page_that_the_caller_names_restricts_and_never_permits(assurance: Assurance) -> None:
    reaches = assurance >= Assurance.L2
    assert outcome(said(DENY, MatchMethod.PAGE, assurance=assurance)) is (
        Outcome.DENY if reaches else Outcome.UNKNOWN
    )
    assert outcome(said(ALLOW, MatchMethod.PAGE, assurance=assurance)) is Outcome.UNKNOWN


def test_a_page_takes_nothing_away_from_what_is_known_without_it() -> None:
    site = said(DENY, MatchMethod.DOMAIN, statement="stm_site", specificity=(0, 2))
    ask = {GEN: Preference.CONDITIONAL}
    page = said(ask, MatchMethod.PAGE, statement="stm_page", specificity=(3, 40))
    assert outcome(page) is Outcome.CONDITIONAL
    assert outcome(site, page) is Outcome.DENY


def test_my_pages_no_this_picture_yes() -> None:
    pages = said(DENY, MatchMethod.PAGE, statement="stm_pages", specificity=(0, 9))
    picture = said(ALLOW, MatchMethod.PICTURE, statement="stm_picture", specificity=(4, 18))
    folder = said(ALLOW, MatchMethod.PATH, statement="stm_folder", specificity=(3, 30))
    assert outcome(pages, picture) is Outcome.ALLOW
    assert outcome(pages, folder) is Outcome.DENY
    assert outcome(replace(pages, declarant="dcl_bob"), picture) is Outcome.DENY


def test_a_grant_over_a_page_only_removes_the_restriction() -> None:
    page = said(DENY, MatchMethod.PAGE)
    assert outcome(page, grants=[grant()], vendor="org_vera") is Outcome.UNKNOWN


def test_a_statement_holds_between_its_index_and_its_end() -> None:
    assert outcome(said(DENY, declared_at=101)) is Outcome.UNKNOWN
    assert outcome(said(DENY, declared_at=100)) is Outcome.DENY
    assert outcome(said(DENY, ended_at=101)) is Outcome.DENY
    assert outcome(said(DENY, ended_at=100)) is Outcome.UNKNOWN


def grant(**fields: Any) -> Grant:
    defaults: dict[str, Any] = {
        "grant": "grt_1",
        "declarant": "dcl_alice",
        "grantee": "org_vera",
        "uses": frozenset({GEN}),
        "granted_at": 1,
        "revoked_at": None,
        "expires": NOW + timedelta(days=1),
    }
    return Grant(**(defaults | fields))


def test_a_grant_lifts_its_own_declarants_denial_for_its_grantee() -> None:
    resolution = resolve(statements=[said(DENY)], grants=[grant()], vendor="org_vera", as_of=AS_OF)
    assert resolution.uses[GEN] is Outcome.ALLOW
    assert [reason.source for reason in resolution.reasons] == ["grt_1"]


@pytest.mark.parametrize(
    "change",
    [
        {"grantee": "org_other"},
        {"declarant": "dcl_bob"},
        {"uses": frozenset({UsageCategory.TDM})},
        {"granted_at": 101},
        {"revoked_at": 100},
        {"expires": NOW},
    ],
)
def test_a_grant_that_does_not_fit_lifts_nothing(change: dict[str, Any]) -> None:
    assert outcome(said(DENY), grants=[grant(**change)], vendor="org_vera") is Outcome.DENY


def test_a_grant_over_a_near_match_only_removes_the_restriction() -> None:
    near = said(DENY, MatchMethod.SAME_PICTURE)
    assert outcome(near, grants=[grant()], vendor="org_vera") is Outcome.UNKNOWN


def test_a_grant_never_lifts_an_access_block() -> None:
    robots = Signal("sig_1", "robots", Provenance.OBSERVED, {}, access=Access.BLOCKED)
    resolution = resolve(
        statements=[said(DENY)], signals=[robots], grants=[grant()], vendor="org_vera", as_of=AS_OF
    )
    assert resolution.access is Access.BLOCKED


def test_a_signal_permits_only_where_we_observed_it() -> None:
    observed = Signal("sig_1", "tdmrep", Provenance.OBSERVED, ALLOW)
    assert outcome(signals=[observed]) is Outcome.ALLOW
    assert outcome(signals=[replace(observed, provenance=Provenance.SUPPLIED)]) is Outcome.UNKNOWN
    denied = replace(observed, provenance=Provenance.SUPPLIED, preferences=DENY)
    assert outcome(signals=[observed, denied]) is Outcome.DENY


# --- properties ----------------------------------------------------------------------------------

preferences = st.dictionaries(st.sampled_from(UsageCategory), st.sampled_from(Preference))
indices = st.integers(90, 110)
statements = st.builds(
    MatchedStatement,
    statement=st.sampled_from([f"stm_{i}" for i in range(6)]),
    declarant=st.sampled_from(["dcl_alice", "dcl_bob", "dcl_carol"]),
    preferences=preferences,
    method=st.sampled_from(MatchMethod),
    assurance=st.sampled_from(Assurance),
    declared_at=indices,
    ended_at=st.none() | indices,
    specificity=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    disputed=st.booleans(),
    vouched=st.booleans(),
)
signals = st.builds(
    Signal,
    source=st.sampled_from(["sig_1", "sig_2"]),
    standard=st.sampled_from(["robots", "tdmrep"]),
    provenance=st.sampled_from(Provenance),
    preferences=preferences,
    access=st.sampled_from(Access),
)
grants = st.builds(
    Grant,
    grant=st.sampled_from(["grt_1", "grt_2"]),
    declarant=st.sampled_from(["dcl_alice", "dcl_bob"]),
    grantee=st.sampled_from(["org_vera", "org_other"]),
    uses=st.frozensets(st.sampled_from(UsageCategory)),
    granted_at=indices,
    revoked_at=st.none() | indices,
    expires=st.sampled_from([NOW - timedelta(days=1), NOW + timedelta(days=1)]),
)


def resolved(statements: Any, signals: Any = (), grants: Any = ()) -> Any:
    return resolve(statements=statements, signals=signals, grants=grants, vendor="org_vera", as_of=AS_OF)


@given(
    st.lists(statements, max_size=6).flatmap(lambda x: st.tuples(st.just(x), st.permutations(x))),
    st.lists(signals, max_size=3).flatmap(lambda x: st.tuples(st.just(x), st.permutations(x))),
    st.lists(grants, max_size=3, unique_by=lambda g: g.grant).flatmap(
        lambda x: st.tuples(st.just(x), st.permutations(x))
    ),
)
def test_the_order_in_which_things_were_said_does_not_matter(said: Any, observed: Any, granted: Any) -> None:
    assert resolved(said[0], observed[0], granted[0]) == resolved(said[1], observed[1], granted[1])


@given(st.lists(statements, max_size=5), st.lists(statements, max_size=3), st.lists(grants, max_size=2))
def test_another_partys_statement_never_restricts_less(before: Any, others: Any, granted: Any) -> None:
    """What strangers add can only move an outcome towards deny, or from unknown to allow."""
    strangers = [replace(s, declarant="dcl_mallory") for s in others]
    alone, together = resolved(before, (), granted), resolved([*before, *strangers], (), granted)
    for use in UsageCategory:
        if alone.uses[use] is not Outcome.UNKNOWN:
            assert most_restrictive([alone.uses[use], together.uses[use]]) is together.uses[use]


@given(st.lists(statements, max_size=6), st.lists(signals, max_size=3), st.lists(grants, max_size=3))
def test_nothing_is_allowed_without_an_exact_and_proven_key(said: Any, observed: Any, granted: Any) -> None:
    weak = {*CONFIRMED, MatchMethod.CODES, MatchMethod.POSSIBLE, MatchMethod.PAGE}
    resolution = resolved(said, observed, granted)
    for use, result in resolution.uses.items():
        if result is not Outcome.ALLOW:
            continue
        proven = [
            s
            for s in said
            if s.assurance >= max(Assurance.L2, LEAST_ASSURANCE[s.method])
            and s.method not in weak
            and not s.vouched
            and not s.disputed
            and use in s.preferences
        ]
        seen = [
            s
            for s in observed
            if s.provenance is Provenance.OBSERVED and s.preferences.get(use) is Preference.ALLOW
        ]
        assert proven or seen


@given(st.lists(statements, max_size=6), st.lists(signals, max_size=3))
def test_signals_that_the_caller_supplies_only_restrict(said: Any, observed: Any) -> None:
    supplied = [replace(s, provenance=Provenance.SUPPLIED) for s in observed]
    without, with_them = resolved(said), resolved(said, supplied)
    for use in UsageCategory:
        assert (
            with_them.uses[use] is without.uses[use]
            or most_restrictive([with_them.uses[use], without.uses[use]]) is with_them.uses[use]
        )


@given(st.lists(statements, max_size=6))
def test_pages_that_the_caller_names_only_restrict(said: Any) -> None:
    known = [s for s in said if s.method is not MatchMethod.PAGE]
    without, with_them = resolved(known), resolved(said)
    for use in UsageCategory:
        assert (
            with_them.uses[use] is without.uses[use]
            or most_restrictive([with_them.uses[use], without.uses[use]]) is with_them.uses[use]
        )


@given(st.lists(statements, max_size=6), st.lists(signals, max_size=3), st.lists(grants, max_size=3))
def test_every_outcome_has_its_reason(said: Any, observed: Any, granted: Any) -> None:
    resolution = resolved(said, observed, granted)
    for use, result in resolution.uses.items():
        given_reasons = [r.outcomes[use] for r in resolution.reasons if use in r.outcomes]
        assert result is most_restrictive(given_reasons)


@given(st.lists(statements, max_size=6))
def test_what_ended_or_has_not_begun_changes_nothing(said: Any) -> None:
    standing = [s for s in said if s.declared_at <= 100 and (s.ended_at is None or s.ended_at > 100)]
    assert resolved(said) == resolved(standing)
