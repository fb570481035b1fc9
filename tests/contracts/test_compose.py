"""`docker-compose.yml` and `Dockerfile`, read by the real compose: what `./run serve` runs, well closed."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from launcher.roles import Role, all_roles

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = Path(sys.executable).with_name("docker-compose")
REQUIRED = {
    "SECRET_KEY": "s" * 50,
    "HOLDOUT_SNAPSHOT_SIGNING_KEY": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    "POSTGRES_PASSWORD": "p@ss:word/?#",
    "ALLOWED_HOSTS": "registry.example.org",
    "EMAIL_HOST": "mail.example.org",
}
ENGINES = {"postgres", "valkey"}
ROLES = all_roles(host="0.0.0.0", port=8000, schedule=Path("/tmp/beat-schedule"))


def compose(
    *arguments: str, variables: Mapping[str, str], file: Path = ROOT / "docker-compose.yml"
) -> subprocess.CompletedProcess[str]:
    """Run compose with these variables only: a developer's own .env stays out."""
    return subprocess.run(
        [COMPOSE, "--file", str(file), "--env-file", os.devnull, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    done = compose("config", "--format", "json", variables=REQUIRED)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)["services"]
    return parsed


def example_variables() -> set[str]:
    return set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def dockerfile() -> list[str]:
    """The instructions of the Dockerfile, each on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_compose_accepts_the_file() -> None:
    accepted = compose("config", "--quiet", variables=REQUIRED)

    assert (accepted.returncode, accepted.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("value", [None, ""])
def test_compose_refuses_to_start_without_what_has_no_default(name: str, value: str | None) -> None:
    rest = {key: given for key, given in REQUIRED.items() if key != name}

    refused = compose("config", "--quiet", variables=rest if value is None else {**rest, name: value})

    assert refused.returncode != 0
    assert f"required variable {name} is missing a value" in refused.stderr


def test_compose_would_tell_of_a_key_that_it_does_not_know(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    text = (ROOT / "docker-compose.yml").read_text()
    broken.write_text(text.replace("\n  beat:", "\n  beat:\n    bogus_key: 1\n  bogus:"))

    refused = compose("config", "--quiet", variables=REQUIRED, file=broken)

    assert refused.returncode != 0
    assert "bogus_key" in refused.stderr


def test_every_role_of_the_launcher_is_a_service_and_nothing_else_is(services: dict[str, Any]) -> None:
    assert services.keys() == {role.name for role in ROLES} | ENGINES | {"migrate"}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_service_runs_what_serve_runs(role: Role, services: dict[str, Any]) -> None:
    service = services[role.name]

    assert service["command"] == ["python", *role.argv[1:]]
    assert role.environment.items() <= service["environment"].items()


def test_the_image_starts_the_web_server_when_nothing_is_said() -> None:
    (command,) = [line.removeprefix("CMD ") for line in dockerfile() if line.startswith("CMD ")]

    assert json.loads(command) == ["python", *ROLES[0].argv[1:]]


def test_every_role_waits_for_the_engines_and_the_migrations(services: dict[str, Any]) -> None:
    for role in ROLES:
        waits_for = {name: how["condition"] for name, how in services[role.name]["depends_on"].items()}
        assert waits_for == {
            "postgres": "service_healthy",
            "valkey": "service_healthy",
            "migrate": "service_completed_successfully",
        }


def test_every_service_that_stays_is_asked_for_its_health(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name != "migrate":  # it ends, and its exit code tells
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name
    assert services["migrate"]["restart"] == "no"


def test_what_a_health_check_starts_is_there(services: dict[str, Any]) -> None:
    for role in ROLES:
        python, minus_m, module, way, *_ = services[role.name]["healthcheck"]["test"][1:]
        assert (python, minus_m) == ("python", "-m")
        assert way in (ROOT / f"{module.replace('.', '/')}.py").read_text()


def test_no_service_can_do_more_than_it_must(services: dict[str, Any]) -> None:
    for name, service in services.items():
        user = service["user"].split(":")[0]
        assert user.isdigit(), name
        assert int(user) > 0, name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "devices"} & service.keys(), name
        assert int(service["mem_limit"]) > 0, name
        assert service["cpus"] > 0, name
        assert service["pids_limit"] > 0, name


def test_only_the_web_server_can_be_reached_and_only_from_this_machine(services: dict[str, Any]) -> None:
    published = {
        name: [(port["host_ip"], port["target"]) for port in service["ports"]]
        for name, service in services.items()
        if "ports" in service
    }

    assert published == {"web": [("127.0.0.1", 8000)]}
    assert {name for name, service in services.items() if "outside" in service["networks"]} == {"web"}


def test_web_workers_and_indexer_share_the_store_and_nothing_else_has_it(services: dict[str, Any]) -> None:
    holders = {
        name
        for name, service in services.items()
        if "/store" in {volume["target"] for volume in service.get("volumes", [])}
    }

    assert holders == {"web", "worker-ingest", "worker-lookup", "indexer"}


def test_no_secret_is_written_into_the_files() -> None:
    for line in (*(ROOT / "docker-compose.yml").read_text().splitlines(), *dockerfile()):
        for name, value in re.findall(r"(\w*(?:SECRET|PASSWORD|TOKEN)\w*)\s*[:=]\s*([^\s,]+)", line):
            # Asked for without a default, told to the reader, or made on the spot.
            assert re.match(r"\$\{\w+:\?", value) or value == '"$(python', (name, value)


def test_every_variable_that_compose_reads_or_passes_stands_in_the_example(services: dict[str, Any]) -> None:
    read = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    passed = {name for role in (*ROLES, Role("migrate", [])) for name in services[role.name]["environment"]}

    assert read <= example_variables()
    assert passed - {"PGPASSWORD", "NUMBA_CACHE_DIR"} <= example_variables()  # libpq's and numba's own


def test_production_settings_accept_what_compose_passes(services: dict[str, Any]) -> None:
    """Roles with the same variables are one case: a start of Django takes seconds."""
    roles = [*ROLES, Role("migrate", [])]
    environments = {json.dumps(services[role.name]["environment"], sort_keys=True) for role in roles}
    for environment in environments:
        accepted = subprocess.run(
            [sys.executable, "-c", "import django; django.setup()"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **json.loads(environment)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert accepted.returncode == 0, accepted.stderr


def test_every_copied_file_exists() -> None:
    copied = [
        source
        for line in dockerfile()
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]

    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source


def test_the_image_is_built_for_a_user_who_is_not_root() -> None:
    users = [line.split()[1] for line in dockerfile() if line.startswith("USER ")]

    assert users == ["10001:10001"]
    assert any(line.startswith("RUN groupadd --gid 10001") for line in dockerfile())


def test_every_package_of_the_house_gets_into_the_image() -> None:
    house = ConfigParser()
    house.read(ROOT / ".importlinter")

    for package in house["importlinter"]["root_packages"].split():
        assert not is_ignored(package), package
    assert not is_ignored("manage.py")


def test_what_git_ignores_never_gets_into_the_image() -> None:
    for pattern in (ROOT / ".gitignore").read_text().split():
        inside = pattern.strip("/").replace("*", "x")
        assert is_ignored(inside), pattern
        if not pattern.startswith("/"):
            assert is_ignored(f"web/{inside}"), pattern
    assert is_ignored(".git")


def test_the_entry_of_each_role_can_be_imported() -> None:
    for role in ROLES:
        first, second, *_ = role.argv[1:]
        if first == "manage.py":
            assert list(ROOT.glob(f"*/management/commands/{second}.py")), role.name
        else:
            assert importlib.util.find_spec(second), role.name
    module, _, name = ROLES[0].argv[-1].partition(":")
    assert f"\n{name} = " in (ROOT / f"{module.replace('.', '/')}.py").read_text()


@pytest.mark.slow
def test_the_static_files_can_be_collected_with_the_values_that_the_build_makes_up(tmp_path: Path) -> None:
    (step,) = [line for line in dockerfile() if "collectstatic" in line]
    command = step[step.index("&&") + 2 :]
    (fixed,) = [line for line in dockerfile() if line.startswith("ENV PATH=")]
    settings = dict(pair.split("=", 1) for pair in shlex.split(fixed.removeprefix("ENV ")))

    built = subprocess.run(
        ["/bin/sh", "-euc", command],
        cwd=ROOT,
        env={
            **settings,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOLDOUT_VAR_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 0, built.stderr
    assert list((tmp_path / "static" / "web").glob("holdout*.css"))


def is_ignored(path: str) -> bool:
    """True when .dockerignore keeps `path` out. Its patterns here are of two kinds: /PATH and **/NAME."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert all(pattern.startswith(("/", "**/")) for pattern in patterns)
    return any(
        fnmatch(path.split("/")[-1], pattern.removeprefix("**/"))
        if pattern.startswith("**/")
        else fnmatch(path, pattern.removeprefix("/"))
        for pattern in patterns
    )
