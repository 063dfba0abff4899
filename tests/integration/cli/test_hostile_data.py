"""Data that would move the cursor, colour the screen or break a table is shown, never sent; long data is cut."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp"
LONG = "9" * 120


@pytest.fixture
def shop(ponte: Ponte, tmp_path: Path) -> Path:
    """An integration whose export holds what somebody typed to do harm, in keys and in values."""
    assert ponte("init", "--example").returncode == 0
    with (tmp_path / "integration" / "data" / "articles.csv").open("a", encoding="utf-8") as export:
        export.write(f"0{HOSTILE};Coffee {HOSTILE};1,00;1;S\n")
        export.write(f"1{HOSTILE};;1,00;1;S\n{LONG};;1,00;1;S\n")
    return tmp_path


COMMANDS = [
    ["plan", "products", "--all"], ["run", "products"], ["rejects", "list", "products"], ["verify", "products"],
    ["rejects", "show", "products", f"1{HOSTILE}"], ["rejects", "show", "products", f"2{HOSTILE}"],
    ["run", f"pro{HOSTILE}"], ["schema", f"pro{HOSTILE}"], ["validate", "-f", f"no{HOSTILE}"], ["erase", f"x{HOSTILE}"],
]  # fmt: skip


def test_no_command_sends_control_characters_of_data(ponte: Ponte, shop: Path) -> None:
    for words in COMMANDS:
        done = ponte(*words)
        said = done.stdout + done.stderr
        assert said
        assert not [character for character in said if character in HOSTILE and not character.isprintable()], words


def test_at_80_columns_no_line_is_wider_and_messages_stay_in_sight(ponte: Ponte, shop: Path) -> None:
    ponte("run", "products")
    for words in (["rejects", "list", "products"], ["plan", "products", "--all", "--write", "all"]):
        lines = ponte(*words, COLUMNS="80").stdout.splitlines()
        assert max(map(len, lines)) <= 80, words
    listed = ponte("rejects", "list", "products", COLUMNS="80").stdout.splitlines()
    (cut,) = (line for line in listed if line.startswith("999"))
    assert "…  name" in cut
    assert "RequiredFieldMissing" in cut
    shown = ponte("rejects", "show", "products", LONG, COLUMNS="80").stdout
    assert LONG in "".join(line.strip() for line in shown.splitlines())
