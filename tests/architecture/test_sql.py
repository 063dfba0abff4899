"""SQL is never put together from values, and from names only when they are quoted.

What a gate can see: text in an f-string that is SQL. Values belong into parameters; names that come from outside go
through a function that quotes (`quote`), and what is ready-made SQL is called so (`.sql`, `..._sql`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SQL = re.compile(
    r"\b(SELECT .*|INSERT INTO|UPDATE \S+ (AS \w+ )?SET|DELETE FROM"
    r"|(CREATE|DROP|ALTER) (TEMP\w* )?(TABLE|VIEW|INDEX|SCHEMA)"
    r"|COPY .* (FROM|TO)|MERGE INTO|TRUNCATE|WHERE|ORDER BY|ON CONFLICT)\b",
    re.DOTALL,
)
NAMES_FROM_OUTSIDE = {"column", "field", "key", "name", "object", "path", "query", "schema", "table", "url"}
QUOTING = {"quote", "uuid4"}  # a fresh UUID has nothing to quote


def faults(source: str) -> list[tuple[int, str]]:
    """Line and kind of each statement that is put together unsafely."""
    tree = ast.parse(source)
    quoting = {id(node) for function in ast.walk(tree) if _quotes(function) for node in ast.walk(function)}
    return sorted(fault for node in ast.walk(tree) if id(node) not in quoting for fault in _faults_of(node))


def _quotes(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name.strip("_") == "quote"


def _faults_of(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        if SQL.search(text):
            yield from _faults_of_statement(node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and _is_sql(node.left):
        yield node.lineno, "built by %"
    elif isinstance(node, ast.Attribute) and node.attr == "format" and _is_sql(node.value):
        yield node.lineno, "built by format"


def _is_sql(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value) is not None


def _faults_of_statement(statement: ast.JoinedStr) -> Iterator[tuple[int, str]]:
    before = ""
    for part in statement.values:
        if isinstance(part, ast.Constant):
            before = str(part.value)
        elif isinstance(part, ast.FormattedValue):
            unquoted = list(_unquoted(part.value))
            if before.endswith(("'", '"')) and unquoted:
                yield part.lineno, f"quoted by hand: {ast.unparse(part.value)}"
            elif any(isinstance(node, ast.Attribute) and node.attr in NAMES_FROM_OUTSIDE for node in unquoted):
                yield part.lineno, f"not quoted: {ast.unparse(part.value)}"
            before = ""


def _unquoted(node: ast.AST) -> Iterator[ast.AST]:
    """All of an expression but what stands inside a call that quotes, or is called SQL."""
    if isinstance(node, ast.Attribute) and node.attr.endswith("sql"):
        return
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in QUOTING:
            return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _unquoted(child)


def test_no_statement_is_put_together_unsafely(repository: Path, modules: list[Path]) -> None:
    found = [f"{path}:{line} {what}" for path in modules for line, what in faults((repository / path).read_text())]

    assert found == []


@pytest.mark.parametrize(
    "unsafe",
    [
        "f\"SELECT a FROM t WHERE b = '{value}'\"",
        'f"SELECT a FROM {obj.table}"',
        "f'INSERT INTO \"{name}\" VALUES (1)'",
        "f\"SELECT {', '.join(c.name for c in columns)} FROM t\"",
        '"DELETE FROM %s" % table',
        '"DELETE FROM {}".format(table)',
    ],
)
def test_unsafe_statements_are_noticed(unsafe: str) -> None:
    assert len(faults(f"sql = {unsafe}")) == 1


@pytest.mark.parametrize(
    "safe",
    [
        'f"SELECT {quote(obj.table)} FROM {relation.sql} WHERE a = $1"',
        "f\"SELECT {', '.join(dialect.quote(c.name) for c in columns)} FROM t\"",
        'f"There is no {obj.table} where you look"',
        'f"Read from {obj.name}, select another"',
    ],
)
def test_safe_statements_and_plain_words_are_left_alone(safe: str) -> None:
    assert faults(f"sql = {safe}") == []
