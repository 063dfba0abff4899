"""Results on one stream, all else on the other; colours only for people who want them; a yes is asked for."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from ponte.cli.console import Console
from ponte.cli.main import run_program
from ponte.cli.options import LogFormat


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_gets_colours() -> None:
    assert Console(Terminal(), Terminal()).styled("x", "red") == "\x1b[31mx\x1b[0m"


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)

    assert Console(Terminal(), Terminal()).styled("x", "red") == "x"


def test_a_file_gets_no_colours_and_no_limit_of_columns() -> None:
    console = Console(io.StringIO(), Terminal())

    assert console.styled("x", "red") == "x"
    assert console.width is None


def test_columns_that_somebody_asked_for_bind_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")

    assert Console(io.StringIO(), io.StringIO()).width == 72


def test_json_logs_are_one_document_per_line_with_their_facts() -> None:
    err = io.StringIO()
    console = Console(io.StringIO(), err, log_format=LogFormat.JSON)

    console.log("warning", "caffè", job="products")

    assert json.loads(err.getvalue()) == {"level": "warning", "message": "caffè", "job": "products"}


def test_json_results_keep_accents_readable() -> None:
    out = io.StringIO()

    Console(out, io.StringIO()).show_json({"name": "Caffè"})

    assert "Caffè" in out.getvalue()


@pytest.mark.parametrize(
    ("answer", "is_erased"), [("y\n", True), ("YES\n", True), ("\n", False), ("no\n", False), ("", False)]
)
def test_erasing_asks_first_and_takes_only_a_yes(
    answer: str,
    is_erased: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_program(["init"]) == run_program(["run", "products"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    assert run_program(["erase", "0000001"]) == 0

    said = capsys.readouterr()
    assert 'Erase "0000001" of all jobs' in said.err
    assert said.out.startswith("erased: 1 record" if is_erased else "Nothing was erased.")
