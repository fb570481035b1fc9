"""Reading settings from the environment; a bad or missing value stops the start and names the variable."""

import base64
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from holdout.errors import InvalidInput
from holdout.signing import KEY_BYTES, PublicKey, SigningKey

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def env_str(name: str, default: str | None = None) -> str:
    """The variable's value. Raises `ImproperlyConfigured` when it is unset and has no default."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"Set {name} (see .env.example).")
    return value


def env_bool(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, str(default)).strip().lower()
    if value not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be one of true, false; it is {value!r}.")
    return value in _TRUE


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number; it is {value!r}.") from None


def env_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list; empty parts are dropped."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def env_required_list(name: str) -> list[str]:
    """`env_list` that must name something."""
    if not (values := env_list(name)):
        raise ImproperlyConfigured(f"Set {name} (see .env.example).")
    return values


def env_secret(name: str) -> str:
    """A secret from NAME, or from the file that NAME_FILE names. It has no default on purpose."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from error
    else:
        value = env_str(name)
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name} must be a secret of at least 32 characters.")
    return value


def env_signing_key(name: str) -> str:
    """An Ed25519 key, 32 random bytes in base64, from NAME or the file that NAME_FILE names."""
    key = env_secret(name)
    try:
        SigningKey.from_text(key)
    except InvalidInput as error:
        raise ImproperlyConfigured(f"{name}: {error.detail}") from None
    return key


def env_public_keys(name: str) -> list[str]:
    """A comma-separated list of Ed25519 public keys in base64."""
    keys = env_list(name)
    try:
        return [PublicKey.from_text(key).text for key in keys]
    except InvalidInput as error:
        raise ImproperlyConfigured(f"{name}: {error.detail}") from None


def kept_signing_key(path: Path) -> str:
    """The key in that file, which is made at the first call: for one's own machine."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        mine.touch(mode=0o600)
        mine.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        with suppress(FileExistsError):  # of several callers one is the first
            os.link(mine, path)
        mine.unlink()
    return path.read_text(encoding="ascii")


def database_from_url(url: str) -> dict[str, object]:
    """Django's database settings from a libpq URL; its own query options stay options."""
    try:
        parts: Mapping[str, object] = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ImproperlyConfigured(f"DATABASE_URL is not a PostgreSQL URL: {error}") from None
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    database: dict[str, object] = {django: parts.get(libpq, "") for libpq, django in known.items()}
    return database | {
        "ENGINE": "config.postgresql",
        "OPTIONS": {k: v for k, v in parts.items() if k not in known},
    }


def broker_from_redis_url(url: str) -> str:
    """kombu's spelling of a redis-py URL (`unix:///path?db=1` -> `redis+socket:///path?virtual_host=1`)."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    db = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{quote(parts.path)}?virtual_host={db}"


def valkey_database(url: str, number: int) -> str:
    """The same server's database `number`, whichever the URL names."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={number}"  # urlunsplit would drop the slashes
    return urlunsplit(parts._replace(path=f"/{number}"))
