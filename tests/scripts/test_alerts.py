"""Each alert fires when it should, and says where it is told what to do."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml
from django.conf import settings

from tests.scripts import promql

WATCHING: Final = settings.BASE_DIR / "docs/monitoring.md"
MADE_UP: Final = settings.BASE_DIR / "tests/scripts/alerts.yml"


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    sections = dict(re.findall(r"^### (Stationbook\w+)\n(.*?)(?=^### |\Z)", WATCHING.read_text(), re.M | re.S))
    alerts = {alert["alert"]: alert["annotations"]["runbook"] for alert in promql.alerts()}

    assert alerts == {name: f"docs/monitoring.md#{name.lower()}" for name in sections}
    assert len(alerts) >= 10
    for name, text in sections.items():
        assert re.findall(r"^\*\*(\w+)\*\*:", text, re.M) == ["Means", "Check", "Fix"], name


def test_each_alert_says_how_urgent_it_is_and_what_it_is_about() -> None:
    for alert in promql.alerts():
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert all(alert["annotations"][name] for name in ("summary", "description"))


def test_each_alert_is_made_to_fire() -> None:
    """By promtool, in the long run."""
    fired = {
        re.findall(r'alertname="(\w+)"', sample["labels"])[0]
        for one in yaml.safe_load(MADE_UP.read_text())["tests"]
        for asked in one["promql_expr_test"]
        for sample in asked["exp_samples"]
    }

    assert fired == {alert["alert"] for alert in promql.alerts()}


@pytest.mark.long
@pytest.mark.looks
def test_alerts_fire_in_trouble_and_are_quiet_without(tmp_path: Path) -> None:
    test = tmp_path / "alerts.yml"
    test.write_text(MADE_UP.read_text().replace("RULES", str(promql.RULES)))

    run = subprocess.run(["promtool", "test", "rules", test], capture_output=True, text=True)

    assert run.returncode == 0, run.stdout + run.stderr
