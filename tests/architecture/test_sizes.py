"""Code stays readable at a glance: short modules, short functions, names that say something."""

from __future__ import annotations

import ast
from pathlib import Path

MODULE_LINES = 500
FUNCTION_LINES = 50

# "path" or "path::function" -> why it may be longer. This list only ever shrinks.
EXCEPTIONS: dict[str, str] = {}

MEANINGLESS = {"utils", "util", "helpers", "helper", "misc", "manager", "managers", "stuff", "lib"}


def too_long_modules(repository: Path, paths: list[Path]) -> dict[str, int]:
    """Modules above the limit, with their lines."""
    lines = {str(path): len((repository / path).read_text().splitlines()) for path in paths}
    return {path: count for path, count in lines.items() if count > MODULE_LINES}


def too_long_functions(path: str, source: str) -> dict[str, int]:
    """Functions above the limit, with their lines; decorators, docstring and functions inside do not count."""
    found: dict[str, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = own_lines(node)
            if len(lines) > FUNCTION_LINES:
                found[f"{path}::{node.name}"] = len(lines)
    return found


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    """Line numbers of a function's body without its docstring and without the functions inside, which count alone."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    body = function.body[1:] if has_docstring else function.body
    lines = {number for statement in body for number in span(statement)}
    inner = (node for node in ast.walk(function) if node is not function)
    return lines - {
        number for node in inner if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for number in span(node)
    }


def span(statement: ast.stmt) -> range:
    """The lines of a statement, with its decorators."""
    first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", []))])
    return range(first, (statement.end_lineno or statement.lineno) + 1)


def test_modules_are_short(repository: Path, python_files: list[Path]) -> None:
    found = too_long_modules(repository, python_files)

    assert {path: count for path, count in found.items() if path not in EXCEPTIONS} == {}


def test_functions_are_short(repository: Path, python_files: list[Path]) -> None:
    found: dict[str, int] = {}
    for path in python_files:
        found |= too_long_functions(str(path), (repository / path).read_text())

    assert {name: count for name, count in found.items() if name not in EXCEPTIONS} == {}


def test_a_long_function_is_noticed() -> None:
    source = "def f():\n    '''Says.'''\n" + "    pass\n" * (FUNCTION_LINES + 1)

    assert too_long_functions("m.py", source) == {"m.py::f": FUNCTION_LINES + 1}
    assert too_long_functions("m.py", source.removesuffix("    pass\n")) == {}


def test_a_function_that_only_holds_others_is_not_long() -> None:
    inner = "    @mark\n    def g():\n" + "        pass\n" * FUNCTION_LINES

    assert too_long_functions("m.py", f"def f():\n{inner}{inner}") == {}


def test_the_list_of_exceptions_holds_only_what_is_still_too_long(repository: Path, python_files: list[Path]) -> None:
    found = dict(too_long_modules(repository, python_files))
    for path in python_files:
        found |= too_long_functions(str(path), (repository / path).read_text())

    assert set(EXCEPTIONS) - set(found) == set()


def test_names_of_modules_say_what_is_in_them(python_files: list[Path]) -> None:
    nameless = [
        str(path) for path in python_files if MEANINGLESS & {part.lower() for part in path.with_suffix("").parts}
    ]

    assert nameless == []


def test_folders_of_tests_are_no_packages(python_files: list[Path]) -> None:
    packages = [str(path) for path in python_files if path.parts[0] == "tests" and path.name == "__init__.py"]

    assert packages == []
