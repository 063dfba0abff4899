"""The guide tells the truth: each of its examples is run, and each reason has its page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import ponte.mapping
from ponte.mapping import check, run_tests
from ponte_api.mapping import FieldRule, MappingSpec
from ponte_api.sync_source import DeclaredField

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guide/mapping.md").read_text("utf-8")
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)]
CODE = "".join(path.read_text("utf-8") for path in sorted((ROOT / "runner/ponte/mapping").rglob("*.py")))
REASONS = set(re.findall(r'"((?:[A-Z][a-z]+){2,})"', CODE)) - set(ponte.mapping.__all__)


@pytest.mark.parametrize("example", EXAMPLES, ids=[str(one["fields"][0]["to"]) for one in EXAMPLES])
def test_an_example_of_the_guide_holds(example: dict[str, Any]) -> None:
    declared = [DeclaredField.model_validate(one) for one in example.pop("declared", [])]
    fields = [{"to": "id", "value": "1"}, *example.pop("fields")]
    spec = MappingSpec.model_validate({"key": ["id"], "fields": fields, **example})

    assert check(spec, declared) == []
    assert [one.message for one in run_tests(spec, declared) if not one.passed] == []
    assert spec.tests


def test_the_reasons_are_found() -> None:
    assert {"PatternMismatch", "UnknownValue", "DivisionByZero", "RefusedExpression"} <= REASONS


def test_every_rule_of_a_field_stands_in_the_guide() -> None:
    for field in FieldRule.model_fields.values():
        name = field.alias or ""
        assert re.search(rf"\b{name}:", GUIDE), name


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_has_a_page(reason: str) -> None:
    page = ROOT / f"docs/reasons/{reason}.md"

    assert page.read_text("utf-8").startswith(f"# {reason}\n")
    assert f"({reason}.md)" in (ROOT / "docs/reasons/README.md").read_text("utf-8")
