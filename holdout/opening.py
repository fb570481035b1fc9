"""Which source was chosen, as values that can be handed to another process, and how it is opened there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from holdout.client import Client, Retry
from holdout.errors import InvalidInput
from holdout.sources import Source

PATIENT = Retry(attempts=12, longest_seconds=120.0, patience_seconds=1_800.0)
"""For runs that nobody watches."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A registry (`server`), a snapshot (a folder, with the text of the keys that are trusted), or both: then
    the registry is asked about what the snapshot finds, `by_ranges` so that it does not learn what that is.
    """

    server: str | None = None
    key: str | None = field(default=None, repr=False)
    snapshot: Path | None = None
    public_keys: tuple[str, ...] = ()
    by_ranges: bool = False
    retry: Retry = PATIENT

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Raises `InvalidInput` (`source_missing`, `server_invalid`, `key_invalid`), `SnapshotRefused`."""
        with ExitStack() as stack:
            registry: Client | None = None
            if self.server is not None:
                registry = stack.enter_context(Client(self.server, self.key, retry=self.retry))
            if self.snapshot is not None:
                yield _snapshot(self.snapshot, self.public_keys, registry, by_ranges=self.by_ranges)
            elif registry is not None:
                yield registry
            else:
                raise InvalidInput("source_missing", "Say whom to ask: --server URL or --snapshot FOLDER.")


def _snapshot(
    folder: Path, public_keys: tuple[str, ...], registry: Client | None, *, by_ranges: bool
) -> Source:
    # Here, since the compiler behind snapshots takes a second to load, and a registry needs none.
    from holdout.offline import ByRanges, SnapshotSource
    from holdout.signing import PublicKey
    from holdout.snapshot.read import Snapshot

    keys = [PublicKey.from_text(text) for text in public_keys]
    if not keys:
        raise InvalidInput(
            "public_key_missing", "Say which key signs the snapshot: --public-key, or HOLDOUT_PUBLIC_KEY."
        )
    confirm = ByRanges(registry) if registry is not None and by_ranges else registry
    return SnapshotSource(Snapshot.open(folder, public_key=keys, now=datetime.now(UTC)), confirm)
