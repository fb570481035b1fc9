"""The account that an engine runs as.

PostgreSQL refuses to run as root. When we are root it runs as `postgres`, or as `nobody` where there is no
such account; everything else runs as whoever called us.
"""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from launcher import children
from launcher.failures import Failure

# Nothing of the caller's environment: PGPORT, PGOPTIONS or LANGUAGE would change what we start.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """A user of this machine, as whom programs can be run."""

    name: str
    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()

    def run(self, argv: Sequence[str | Path], *, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end; `stdout` holds both streams. Failure when the account cannot even start it."""
        try:
            return subprocess.run(
                argv,
                input=input,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                cwd="/",
                env=_ENVIRONMENT,
                umask=0o077,
                user=self._user,
                group=self._group,
                extra_groups=self._extra_groups,
            )
        except (PermissionError, subprocess.SubprocessError) as error:
            raise Failure(f"Cannot run {argv[0]} as the account {self.name}: {error}") from error

    def start(
        self, argv: Sequence[str | Path], *, log: BinaryIO, ends_with_us: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start and leave running, out of reach of the terminal's Ctrl-C: others may use it too.

        With `ends_with_us` nobody else does: it gets TERM when we die, even if we are killed.
        """
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            user=self._user,
            group=self._group,
            extra_groups=self._extra_groups,
            preexec_fn=children.dying_with_us() if ends_with_us else None,
        )

    def reaches(self, folder: Path) -> bool:
        """True when the account can enter `folder`; found out by trying, since rights have many sources."""
        return self.run(["/bin/sh", "-c", 'cd -- "$0"', folder]).returncode == 0

    # Only root may ask for an identity, even for the one it has: None leaves things as they are.
    @property
    def _user(self) -> int | None:
        return None if self.is_me else self.uid

    @property
    def _group(self) -> int | None:
        return None if self.is_me else self.gid

    @property
    def _extra_groups(self) -> list[int] | None:
        return None if self.is_me else []


def me() -> Account:
    """Whoever called us. It may have no name: containers run as bare numbers."""
    uid = os.geteuid()
    return Account(str(uid), uid, os.getegid())


def for_postgres() -> Account:
    """The account that PostgreSQL runs as."""
    if os.geteuid() != 0:
        return me()
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Failure(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it as."
    )
