"""The package index settings that people have for pip, told to uv."""

import ast
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

# pip's setting, uv's variable, and what uv puts between several values.
_SAME_MEANING = [
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("no-index", "UV_NO_INDEX", " "),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", " "),
]


def uv_environment(pip_settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to add for uv; what the user set for uv wins over what they set for pip."""
    added = {
        # Companies put their own authority into the system's store; pip looks there by itself.
        "UV_SYSTEM_CERTS": "1",
        "UV_NO_PROGRESS": "1",
    }
    for name, variable, separator in _SAME_MEANING:
        values = [value for value in pip_settings.get(name, "").split() if _is_for_uv(name, value)]
        if values:
            added[variable] = separator.join(values)
    return {name: value for name, value in added.items() if not environment.get(name)}


def pip_settings(pip: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """What the command `pip` is set to: its files, then the environment, which wins."""
    listed = subprocess.run(
        [*pip, "config", "list"], capture_output=True, text=True, check=False, env=dict(environment)
    )
    return parse(listed.stdout)


def parse(listing: str) -> dict[str, str]:
    """Read `pip config list`: lines like global.index-url='https://...', the stronger section winning."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listing.splitlines():
        key, _, quoted = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(quoted))
    return found["global"] | found["install"] | found[":env:"]


def cache_environment(environment: Mapping[str, str], *, fallback: Path) -> dict[str, str]:
    """UV_CACHE_DIR for a user without a home to write to; empty for everybody else."""
    if environment.get("UV_CACHE_DIR"):
        return {}
    home = environment.get("HOME", "")
    cache = Path(environment.get("XDG_CACHE_HOME") or Path(home, ".cache"))
    if (home or environment.get("XDG_CACHE_HOME")) and _is_writable(cache / "uv", below=Path(home)):
        return {}
    return {"UV_CACHE_DIR": str(fallback)}


def _is_for_uv(name: str, value: str) -> bool:
    # A local folder that pip reads as an index is no index to uv.
    return not (name.endswith("index-url") and value.startswith("file:"))


def _is_writable(path: Path, *, below: Path) -> bool:
    """True when `path` is there, or could be made without making `below`."""
    for candidate in (path, *path.parents):
        if candidate.exists():
            return os.access(candidate, os.W_OK | os.X_OK)
        if candidate == below:
            return False
    return False
