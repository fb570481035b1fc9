"""Settings: every variable is written down, and production does not start without its secrets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GIVEN = {
    "PATH": os.environ["PATH"],
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "DATABASE_URL": "postgresql://holdout@localhost/holdout",
    "REDIS_URL": "redis://localhost/0",
    "SECRET_KEY": "s" * 50,
    "HOLDOUT_SNAPSHOT_SIGNING_KEY": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    "ALLOWED_HOSTS": "registry.example.org",
    "EMAIL_HOST": "localhost",
}


def check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "import django; django.setup()"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_variable_that_is_read_stands_in_the_example() -> None:
    sources = [*ROOT.glob("config/**/*.py"), *ROOT.glob("launcher/**/*.py")]
    read = {
        name
        for source in sources
        for name in re.findall(r"env_[a-z_]+\(\s*\"([A-Z_]+)\"", source.read_text())
    }
    read |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    written = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read <= written
    assert written - read <= {
        "DJANGO_SETTINGS_MODULE",
        "SECRET_KEY_FILE",
        "HOLDOUT_SNAPSHOT_SIGNING_KEY_FILE",
    }


def test_production_starts_with_what_it_needs() -> None:
    assert check(GIVEN).returncode == 0, check(GIVEN).stderr


@pytest.mark.parametrize(
    "change",
    [
        {"SECRET_KEY": None},
        {"SECRET_KEY": "short"},
        {"SECRET_KEY": None, "SECRET_KEY_FILE": "/nowhere"},
        {"HOLDOUT_SNAPSHOT_SIGNING_KEY": None},
        {"HOLDOUT_SNAPSHOT_SIGNING_KEY": "s" * 44},
        {"HOLDOUT_SNAPSHOT_PUBLIC_KEYS": "AQEB"},
        {"ALLOWED_HOSTS": None},
        {"ALLOWED_HOSTS": " , "},
        {"DATABASE_URL": None},
        {"DATABASE_URL": "mysql://x"},
        {"REDIS_URL": None},
        {"EMAIL_HOST": None},
        {"SECURE_SSL_REDIRECT": "perhaps"},
        {"HOLDOUT_JOB_LEASE_SECONDS": "soon"},
    ],
)
def test_production_refuses_to_start_and_names_what_is_wrong(change: dict[str, str | None]) -> None:
    environment = {name: value for name, value in (GIVEN | change).items() if value is not None}
    started = check(environment)
    assert started.returncode != 0
    assert "ImproperlyConfigured" in started.stderr
    assert next(reversed(change)).removesuffix("_FILE") in started.stderr
