"""What the dashboard and the alert rules ask of Prometheus, and whether there is such a thing."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import yaml
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

DASHBOARD: Final = settings.BASE_DIR / "deploy/grafana/stationbook.json"
RULES: Final = settings.BASE_DIR / "deploy/prometheus/rules.yml"

OF_PROMETHEUS: Final[dict[str, dict[str, set[str]]]] = {"up": {}}
"""What it knows by itself, and every metric with it."""
EVERY: Final = frozenset(("job", "instance"))
ANYTHING: Final = frozenset(("status", "route", "instance", "job"))
"""Labels whose values a quiet product need not have shown yet."""

TOKEN: Final = re.compile(r'"[^"]*"|\[[^\]]*\]|\{[^}]*\}|\bby\s*\([^)]*\)|[a-zA-Z_]\w*|\S')
MATCHER: Final = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
BETWEEN: Final = frozenset(("and", "or", "unless"))

Metrics = dict[str, dict[str, set[str]]]
"""By name, the values of each label."""


def alerts(text: str | None = None) -> list[dict[str, Any]]:
    loaded = yaml.safe_load(text or RULES.read_text())
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def asked(rules: str | None = None) -> Iterator[str]:
    """Every expression of both files."""
    yield from (rule["expr"] for rule in alerts(rules))
    board = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in board["panels"] for target in panel.get("targets", ()))
    yield from (one["query"] for one in board["templating"]["list"] if one["type"] == "query")


def read(exposition: str) -> Metrics:
    found: Metrics = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for name, value in sample.labels.items():
                labels.setdefault(name, set()).add(value)
    return found


def faults(expression: str, metrics: Metrics) -> list[str]:
    """What an expression names that there is not: a metric, a label of it, a value of that."""
    tokens = TOKEN.findall(re.sub(r"label_values\((\w+), (\w+)\)", r"sum by (\2) (\1)", expression))
    grouped = {label for token in tokens if token.startswith("by") for label in re.findall(r"\w+", token)[1:]}
    found = []
    for token, after in pairwise([*tokens, ""]):
        if not re.fullmatch(r"[a-zA-Z_]\w*", token) or after.startswith("(") or token in BETWEEN or after[:2] == "by":
            continue
        labels = OF_PROMETHEUS.get(token, metrics.get(token))
        if labels is None:
            found.append(f"{token}: there is no such metric")
        else:
            matchers = MATCHER.findall(after) if after.startswith("{") else []
            found += [f"{token}: {fault}" for fault in _of_labels(labels, matchers, grouped)]
    return found


def _of_labels(labels: dict[str, set[str]], matchers: list[tuple[str, str]], grouped: set[str]) -> Iterator[str]:
    for label in sorted({*grouped, *(name for name, _value in matchers)} - set(labels) - EVERY):
        yield f"has no label {label}"
    for label, pattern in matchers:
        if label in labels and label not in ANYTHING:
            yield from (f"{label} is never {value}" for value in sorted({*pattern.split("|")} - labels[label]))
