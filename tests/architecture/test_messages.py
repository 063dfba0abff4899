"""Messages are an interface: they begin with where it happened, and end with what to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

NEEDS_A_PERSON = {"ConfigurationError", "CredentialsRefused", "StateError", "UsageError", "RejectThreshold"}
"""What may heal by itself gets its next step from the command line (`ponte.cli.render.next_steps`)."""
INSIDE_OTHERS = ("mapping/", "manifests/", "testing/")
"""Faults of a Mapping or manifest are shown with file and line; `ponte validate` is their next step."""
HOLD_A_NEXT_STEP = {
    *("suggestion", "did_you_mean", "with_step", "REFUSED_STATEMENT", "_NEEDS", "_advice"),
    *("hint", "step", "guess", "why", "known"),
}
"""What is put into a message and says what to do, or which names there are to choose from."""


def messages(source: str) -> Iterator[tuple[int, ast.expr]]:
    """Line and first argument of each error that a module makes and that a person has to do something about."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.JoinedStr() | ast.Constant() as told, *_]):
                if name in NEEDS_A_PERSON:
                    yield node.lineno, told


def has_next_step(told: ast.expr) -> bool:
    """Whether a message says what to do, or holds what says so."""
    if any("Next: " in str(node.value) for node in ast.walk(told) if isinstance(node, ast.Constant)):
        return True
    interpolated = [node for node in ast.walk(told) if isinstance(node, ast.FormattedValue)]
    names = {
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for value in interpolated
        for inner in ast.walk(value.value)
        if isinstance(inner, ast.Name | ast.Attribute)
    }
    return bool(names & HOLD_A_NEXT_STEP)


@pytest.fixture(scope="module")
def runner(repository: Path, modules: list[Path]) -> dict[str, str]:
    """Modules of the runner whose messages are shown as they are, by path."""
    root = Path("runner/ponte")
    inside = {path.relative_to(root).as_posix(): path for path in modules if path.is_relative_to(root)}
    return {
        name: (repository / path).read_text() for name, path in inside.items() if not name.startswith(INSIDE_OTHERS)
    }


def test_each_message_to_a_person_names_the_next_step(runner: dict[str, str]) -> None:
    without = [
        f"{name}:{line}"
        for name, source in runner.items()
        for line, told in messages(source)
        if not has_next_step(told)
    ]

    assert without == []


def test_a_system_is_called_by_its_name_alone_at_the_beginning_of_a_message(runner: dict[str, str]) -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, source in runner.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.JoinedStr)
        and isinstance(first := node.values[0] if node.values else None, ast.Constant)
        and str(first.value).startswith("SyncSource ")
    ]

    assert found == []
