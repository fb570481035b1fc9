"""States and changes, against dictionaries."""

from hashlib import sha256

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from holdout.snapshot.codes import ASK
from holdout.snapshot.state import Change, State, changed, composed, difference
from tests.holdout.snapshot_stories import Said, said_by, state_of

TOP = 2**40 - 1
prefixes = st.one_of(st.integers(0, 40), st.integers(TOP - 3, TOP), st.integers(0, TOP))
codes = st.sampled_from([1, 80, 240, 242, ASK])
saids = st.dictionaries(prefixes, codes, max_size=30)
EMPTY: Said = {}


def test_a_state_is_in_order_without_what_says_nothing() -> None:
    probes = np.array([5 << 24, 3 << 24, 9 << 24], dtype=np.uint64)
    assert said_by(State.of(probes, np.array([240, 1, 0], dtype=np.uint8))) == {3: 1, 5: 240}
    assert said_by(State.of(probes[:0], np.array([], dtype=np.uint8))) == {}


def test_keys_that_share_a_prefix_and_a_code_are_one_entry_and_otherwise_ask() -> None:
    probes = np.array([5 << 24, (5 << 24) + 1, (6 << 24) - 1, 6 << 24, (6 << 24) + 9], dtype=np.uint64)
    same = State.of(probes, np.array([240, 240, 240, 80, 80], dtype=np.uint8))
    assert said_by(same) == {5: 240, 6: 80}
    mixed = State.of(probes, np.array([240, 80, 240, ASK, 80], dtype=np.uint8))
    assert said_by(mixed) == {5: ASK, 6: ASK}


def test_a_key_that_says_nothing_does_not_change_its_neighbour() -> None:
    probes = np.array([5 << 24, (5 << 24) + 1], dtype=np.uint64)
    assert said_by(State.of(probes, np.array([0, 80], dtype=np.uint8))) == {5: 80}


@given(st.lists(st.tuples(st.integers(0, 3 << 24), st.sampled_from([0, 80, 240, ASK])), max_size=20))
def test_a_state_of_keys_is_what_a_dictionary_says(keys: list[tuple[int, int]]) -> None:
    told: dict[int, set[int]] = {}
    for probe, code in keys:
        if code:
            told.setdefault(probe >> 24, set()).add(code)
    probes, said = (np.array(column) for column in zip(*keys, strict=True)) if keys else (np.array([]),) * 2
    state = State.of(probes.astype(np.uint64), said.astype(np.uint8))
    assert said_by(state) == {prefix: min(s) if len(s) == 1 else ASK for prefix, s in told.items()}


def test_the_digest_is_over_five_big_endian_bytes_a_prefix_and_all_codes() -> None:
    state = state_of({0x0102030405: 240, 0xFF00000000: ASK})
    octets = bytes.fromhex("0102030405ff00000000f0ff")
    assert state.digest() == sha256(octets).digest()
    assert State.empty().digest() == sha256(b"").digest()


@given(saids, saids)
def test_a_difference_leads_from_one_state_to_the_other_and_is_the_smallest(
    before: Said, after: Said
) -> None:
    change = difference(state_of(before), state_of(after))
    assert said_by(changed(state_of(before), change)) == dict(sorted(after.items()))
    assert said_by(change.entries) == {p: c for p, c in sorted(after.items()) if before.get(p) != c}
    assert change.removed.tolist() == sorted(before.keys() - after.keys())


@given(saids, saids, saids)
def test_two_changes_can_be_made_one(first: Said, second: Said, third: Said) -> None:
    one, two, three = map(state_of, (first, second, third))
    both = composed(difference(one, two), difference(two, three))
    assert said_by(changed(one, both)) == said_by(three)
    assert not set(both.removed.tolist()) & set(both.entries.prefix.tolist())
    assert sorted(set(both.removed.tolist())) == both.removed.tolist()


class Chain(RuleBasedStateMachine):
    """Deltas from every earlier version to the newest, as the registry keeps them."""

    @initialize(said=saids)
    def begin(self, said: Said) -> None:
        self.states = [dict(said)]
        self.changes: list[Change] = []

    @rule(said=saids, removed=st.sets(prefixes, max_size=5), add=st.booleans())
    def publish(self, said: Said, removed: set[int], add: bool) -> None:
        kept = {p: c for p, c in self.states[-1].items() if p not in removed} if add else {}
        after = kept | dict(said)
        step = difference(state_of(self.states[-1]), state_of(after))
        self.changes = [*(composed(change, step) for change in self.changes), step]
        self.states.append(after)

    @invariant()
    def every_version_gets_to_the_newest_at_once(self) -> None:
        newest = state_of(self.states[-1])
        for before, change in zip(self.states, self.changes, strict=False):
            after = changed(state_of(before), change)
            assert after.digest() == newest.digest()


TestChain = Chain.TestCase
TestChain.settings = settings(stateful_step_count=12)
