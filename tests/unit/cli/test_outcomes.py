"""`ponte test`: what holds in one line, what does not with its place and field by field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ponte.cli.main import run_program
from ponte.cli.render.outcomes import MappingTestOutcome, outcome_lines

HOLDS = MappingTestOutcome("a name", "m.yaml:7", "")
FAILS = MappingTestOutcome(
    "prices",
    "m.yaml:12",
    "price: expected 12.50, found 1250.00; name: expected a; b: c, found d; ean: no rule makes this field",
)


def test_tests_that_hold_take_one_line() -> None:
    assert outcome_lines("product", [HOLDS, HOLDS]) == ["product: 2 tests hold."]
    assert outcome_lines("product", [HOLDS]) == ["product: 1 test holds."]


def test_a_test_that_fails_is_told_field_by_field() -> None:
    assert outcome_lines("product", [HOLDS, FAILS]) == [
        "product: 1 of 2 tests fails.",
        "  m.yaml:12  prices",
        "      price: expected 12.50, found 1250.00",
        "      name: expected a; b: c, found d",
        "      ean: no rule makes this field",
    ]


def test_a_mapping_without_tests_is_told_what_to_do() -> None:
    assert outcome_lines("product", []) == ["product: no tests. Next: write some below spec.tests."]


@pytest.fixture
def integration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run_program(["init"]) == 0
    capsys.readouterr()
    return tmp_path / "integration"


def test_the_tests_of_a_new_integration_hold(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["test"]) == 0
    assert capsys.readouterr().out == "product: 2 tests hold.\n"


def test_a_rule_that_is_wrong_is_found_with_the_line_of_the_test(
    integration: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = integration / "products.yaml"
    file.write_text(file.read_text().replace(", locale: it", ", locale: en"))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "prices are Italian decimals" in text)

    assert run_program(["test", "-o", "json"]) == 1
    [outcome] = [one for one in json.loads(capsys.readouterr().out)["product"] if not one["holds"]]
    assert outcome["place"] == f"integration/products.yaml:{line}"


def test_an_unknown_mapping_gets_the_nearest_name(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["test", "prodct"]) == 64
    assert 'Did you mean "product"?' in capsys.readouterr().err


def test_a_mapping_with_faults_is_not_tested(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = integration / "products.yaml"
    file.write_text(file.read_text().replace("trim: true, required", "tirm: true, required", 1))

    assert run_program(["test"]) == 78
    assert "tirm" in capsys.readouterr().err
