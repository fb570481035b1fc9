"""Folders outside the checkout: in shared places where names can be guessed, so ownership is checked."""

import hashlib
import os
import stat
from pathlib import Path

from launcher.accounts import Account
from launcher.failures import Failure

# A socket's path has room for 107 bytes, so neither the checkout nor $TMPDIR will do.
SOCKETS = Path("/tmp")  # noqa: S108 - made 0700 and checked below
LONG_LIVED = Path("/var/tmp")  # noqa: S108 - likewise; survives a restart of the machine


def sockets(state_dir: Path, account: Account) -> Path:
    """Make the folder for the sockets of the engines that `account` runs on `state_dir`, or check it."""
    return own(sockets_path(state_dir, account), account)


def sockets_path(state_dir: Path, account: Account) -> Path:
    """Where that folder is."""
    return SOCKETS / f"holdout-{account.uid}-{_digest(state_dir)}"


def long_lived(state_dir: Path, account: Account) -> Path:
    """A folder for the data of `account` when it cannot reach `state_dir` itself."""
    return own(LONG_LIVED / f"holdout-{_digest(state_dir)}", account)


def own(path: Path, account: Account, *, mode: int = 0o700) -> Path:
    """Make the folder, or check that it is ours: a real folder of `account`, not open beyond `mode`."""
    try:
        path.mkdir(mode=0o700)
        path.chmod(mode)  # whatever the umask says
    except FileExistsError:
        pass
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() != account.uid:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)  # made just now, by us as root
        status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or status.st_mode & 0o777 & ~mode:
        raise Failure(f"{path} belongs to somebody else or is open to others. Remove it, then try again.")
    return path


def _digest(state_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]
