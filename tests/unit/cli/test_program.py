"""The command line itself: help, usage errors, exit codes, and that help needs nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.main import get_group
from typer.testing import CliRunner

from ponte.cli.main import COMMANDS as MODULES
from ponte.cli.main import build_program, run_program
from ponte.errors import ConfigurationError, Interrupted, PonteError, RejectThreshold, StateError, TransientError

COMMANDS = [
    ["init"], ["validate"], ["test"], ["doctor"], ["schema"], ["run"], ["plan"], ["verify"], ["runs"], ["erase"],
    ["connectors", "list"], ["connectors", "describe"],
    ["rejects", "list"], ["rejects", "show"], ["rejects", "retry"], ["rejects", "skip"],
    ["ledger", "info"], ["ledger", "check"], ["ledger", "backup"], ["ledger", "export"], ["ledger", "import"],
    ["ledger", "rebuild"], ["ledger", "prune"],
]  # fmt: skip
HEAVY = {"polars", "sqlalchemy", "aiohttp", "httpx", "rich", "yaml", "ponte_api", "asyncio"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    shown = CliRunner().invoke(build_program(), [*command, "--help"], prog_name="ponte")

    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"ponte {' '.join(command)}" in shown.output.partition("Example")[2]
    assert max(map(len, shown.output.splitlines())) <= 80


def test_each_command_is_found_in_the_module_that_declares_it() -> None:
    declared = {module: set(get_group(build_program([module])).commands) for module in MODULES}

    assert declared == {module: set(names) for module, names in MODULES.items()}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["rejects"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    listing = (
        f"import sys; from ponte.cli.main import run_program; run_program({arguments});"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)

    assert "ponte.cli.options" in done.stderr.split()
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments", [["run"], ["run", "products", "--raed", "all"], ["runs", "--limit", "none"], ["rnu"]]
)
def test_a_slip_on_the_command_line_exits_64_and_names_the_next_step(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(arguments) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Next: ponte" in captured.err


@pytest.mark.parametrize(("typed", "meant"), [("rnu", "run"), ("validat", "validate"), ("doctr", "doctor")])
def test_a_mistyped_command_gets_the_nearest_one(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program([typed]) == 64
    assert f"Did you mean '{meant}'?" in capsys.readouterr().err


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program([]) == 64
    assert "Commands:" in capsys.readouterr().err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ponte 0.")


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def program(**_: object) -> None:
        raise error

    monkeypatch.setattr("ponte.cli.main.command_line", lambda _module: program)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RejectThreshold("m"), 65),
        (StateError("m"), 70),
        (TransientError("m"), 75),
        (Interrupted("m"), 76),
        (ConfigurationError("m"), 78),
        (PonteError("m"), 70),
    ],
)
def test_the_class_of_an_error_decides_the_exit_code(
    error: PonteError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(error, monkeypatch)

    assert run_program(["run", "products"]) == code
    assert capsys.readouterr().err.splitlines()[0] == "m"


def test_a_defect_shows_no_traceback_and_no_data_unless_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(KeyError("Maria Rossi"), monkeypatch)

    assert run_program(["run", "products"]) == 70
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert "Maria Rossi" not in shown
    assert "--debug" in shown

    assert run_program(["run", "products", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_panic_in_a_library_is_a_defect_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class PanicException(BaseException):
        """As a library written in Rust raises it: no Exception."""

    failing(PanicException("Maria Rossi"), monkeypatch)

    assert run_program(["run", "products"]) == 70
    assert "PanicException" in (shown := capsys.readouterr().err)
    assert "Maria Rossi" not in shown


def test_an_error_can_be_had_as_one_json_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ConfigurationError("erp: no driver\nNext: install it", reason="DriverMissing"), monkeypatch)

    run_program(["run", "products", "--log-format", "json"])

    assert json.loads(capsys.readouterr().err) == {
        "level": "error",
        "reason": "DriverMissing",
        "message": "erp: no driver\nNext: install it",
        "exitCode": 78,
    }


def test_control_characters_in_an_error_are_shown_not_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ConfigurationError("bad \x1b[2J name"), monkeypatch)

    run_program(["validate"])

    assert capsys.readouterr().err == "bad \\x1b[2J name\n"


@pytest.mark.parametrize(
    ("error", "said"), [(KeyboardInterrupt(), "Stopped by a signal. "), (typer.Abort(), "Stopped at a question ")]
)
def test_a_stop_before_a_run_began_exits_76_and_says_so_and_how_to_go_on(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(error, monkeypatch)

    assert run_program(["validate"]) == 76
    shown = capsys.readouterr().err
    assert shown.startswith(said)
    assert shown.endswith("\nNext: run it again to go on.\n")

    run_program(["validate", "--log-format", "json"])
    assert json.loads(capsys.readouterr().err)["exitCode"] == 76


def test_typer_exits_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    failing(typer.TyperException("told"), monkeypatch)

    assert run_program(["validate"]) == 64


@pytest.mark.parametrize(
    ("command", "is_offered"),
    [("init", False), ("connectors list", False), ("connectors describe", False), ("run", True), ("validate", True)],
)
def test_only_commands_that_look_at_manifests_offer_their_folder(
    command: str, *, is_offered: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program([*command.split(), "--help"]) == 0

    told = capsys.readouterr().out
    assert ("--file" in told, "--ledger" in told) == (is_offered, is_offered)
    assert "--output" in told
