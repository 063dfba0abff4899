"""Reasons are a part of the API: each one that the code gives stands in the table with its meaning."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ponte_api.reasons import LEDGER_REASONS, PROBLEM_REASONS, REASONS, REJECT_REASONS, RUN_REASONS

SOURCES = Path(__file__).resolve().parents[3] / "runner" / "ponte"
WORD = re.compile(r"([A-Z][a-z]*)+")


def given(tree: ast.AST) -> Iterator[str]:
    """Words given as `reason=...` to an error, or as the default reason of a class of errors."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
        elif isinstance(node, ast.Assign | ast.AnnAssign) and "default_reason" in ast.unparse(node):
            values = [node.value] if node.value is not None else []
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and WORD.fullmatch(value.value):
                yield value.value


def test_every_reason_that_the_code_gives_has_a_meaning():
    known = set(REASONS)
    files = sorted(SOURCES.rglob("*.py"))
    unknown = {
        (reason, file.name) for file in files for reason in given(ast.parse(file.read_text())) if reason not in known
    }
    assert unknown == set()


def test_a_reason_has_one_place_and_a_sentence():
    tables = (RUN_REASONS, REJECT_REASONS, PROBLEM_REASONS, LEDGER_REASONS)
    assert sum(map(len, tables)) == len(REASONS)
    assert [name for name, meaning in REASONS.items() if not WORD.fullmatch(name) or not meaning.endswith(".")] == []
