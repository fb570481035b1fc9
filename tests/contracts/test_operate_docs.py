"""`docs/howto/operate.md` and its alerts speak of what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import config.metrics  # noqa: F401  # registers them
from config.logging import FIELDS

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"
TEXT = (HOWTO / "operate.md").read_text()
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((HOWTO / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]


def exported() -> set[str]:
    """Our metrics by the names that a query uses; a counter ends in `_total`."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in REGISTRY.collect()
        if family.name.startswith("holdout_")
    }


def first_column(heading: str) -> list[str]:
    """The names in the first column of the section's table."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.django_db
def test_every_metric_is_explained_and_every_explained_metric_exists(settings: Any) -> None:
    assert settings.HOLDOUT_STORE_DIR.exists()
    assert set(first_column("Metrics")) == exported()


@pytest.mark.django_db
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_only_for_metrics_that_are_exported(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\bholdout_\w+", rule["expr"]))
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= exported()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_is_complete(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["expr"].count("(") == rule["expr"].count(")")
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))


def test_what_to_do_is_said_for_every_alert_and_for_no_other() -> None:
    said = re.findall(r"^- \*\*(\w+)\*\*: \S", TEXT, re.MULTILINE)
    assert sorted(said) == sorted(rule["alert"] for rule in RULES)


def test_every_field_of_the_log_is_explained() -> None:
    assert first_column("Logs") == list(FIELDS)


def test_the_document_sends_nobody_to_a_part_that_is_not_there() -> None:
    for part in re.findall(r'see "([^"]+)"', TEXT):
        assert f"\n| {part}" in TEXT, part
