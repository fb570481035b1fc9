"""An index under a random life of publications answers as a dictionary would."""

import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdout.index.files import OF_PICTURES, TABLES, TableName, Tables
from holdout.index.publish import Publisher
from holdout.index.read import ReadIndex, View
from holdout.index.records import Kind
from tests.holdout.index_tables import LEAF, TIME, Key, contents, found_lines, table_of

_KINDS = {"urls": Kind.URL, "places": Kind.HOST, "files": Kind.FILE, "grants": Kind.GRANTEE}
Said = dict[str, dict[Key, list[int]]]

# A dozen keys that meet in every way: the same probe, the same half check, both, neither.
_PROBES = (0, 1, 2**63, 2**64 - 1)
_CHECKS = (bytes(16), bytes(15) + b"\x01", b"\x01" + bytes(15))
_KEYS: list[Key] = [(probe, check) for probe in _PROBES for check in _CHECKS]
_said = st.fixed_dictionaries(
    {
        name: st.dictionaries(st.sampled_from(_KEYS), st.lists(st.integers(1, 99), max_size=3), max_size=8)
        for name in TABLES
    }
)


def _tables(said: Said) -> Tables:
    return Tables(*(table_of(said[name], _KINDS[name]) for name in TABLES))


class Life(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        # What survives a power cut is not at stake here, and forcing it to disk takes most of the time.
        self._patch = patch("holdout.durable.os.fsync")
        self._patch.start()
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name)
        self._publisher = Publisher(self._path)
        self._index = ReadIndex(self._path)
        self._base: Said = {}
        self._changes: Said = {name: {} for name in TABLES}
        self._watermark = self._version = 0

    @initialize(said=_said)
    def begin(self, said: Said) -> None:
        self.publish_base(said)

    @rule(said=_said)
    def publish_base(self, said: Said) -> None:
        self._base, self._changes = said, {name: {} for name in TABLES}
        self._publish(said, base=True)

    @rule(said=_said)
    def publish_overlay(self, said: Said) -> None:
        self._changes = said
        self._publish(said, base=False)

    @rule()
    def merge(self) -> None:
        before = self._publisher.current
        assert before is not None
        self._version += before.overlay is not None
        assert self._publisher.merge() == self._version
        if before.overlay is not None:
            self._base, self._changes = self._now(), {name: {} for name in TABLES}

    @rule()
    def heartbeat(self) -> None:
        self._publisher.heartbeat()

    @rule()
    def restart(self) -> None:
        self._publisher.close()
        self._publisher = Publisher(self._path)

    @rule()
    def open_anew(self) -> None:
        self._index = ReadIndex(self._path)

    @invariant()
    @precondition(lambda self: self._version)
    def answers_as_a_dictionary(self) -> None:
        view = self._index.view()
        assert (view.version, view.as_of.log_index) == (self._version, self._watermark)
        now = self._now()
        for name in TABLES:
            _agrees(view, name, now[name])
        packed = [*_KEYS, (5, bytes(16))]
        asked = np.frombuffer(b"".join(p.to_bytes(8, "big") + c[:8] for p, c in packed), dtype=np.uint8)
        found = [
            (row, kind, number) for row, kind, _, number in found_lines(view.packed(asked.reshape(-1, 16)))
        ]
        assert sorted(found) == sorted(
            (row, _KINDS[name], number)
            for row, (probe, check) in enumerate(packed)
            for name in OF_PICTURES
            for key, numbers in now[name].items()
            if key[0] == probe and key[1][:8] == check[:8]
            for number in numbers
        )
        digests = [probe.to_bytes(8, "big") + check + bytes(8) for probe, check in packed]
        asked = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
        assert [(row, number) for row, _, _, number in found_lines(view.files(asked))] == [
            (row, number) for row, key in enumerate(packed) for number in now["files"].get(key, [])
        ]

    def teardown(self) -> None:
        self._publisher.close()
        self._folder.cleanup()
        self._patch.stop()

    def _publish(self, said: Said, *, base: bool) -> None:
        self._watermark += 1
        self._version += 1
        publish = self._publisher.publish_base if base else self._publisher.publish_overlay
        version = publish(_tables(said), watermark=self._watermark, leaf_hash=LEAF, time=TIME)
        assert version == self._version

    def _now(self) -> Said:
        return {
            name: {
                key: numbers
                for key, numbers in (self._base[name] | self._changes[name]).items()
                if numbers or key not in self._changes[name]
            }
            for name in TABLES
        }


def _agrees(view: View, name: TableName, now: dict[Key, list[int]]) -> None:
    assert contents(view.merged(name)) == now


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=20)
