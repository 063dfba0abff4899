"""Reasons are an interface: each that the code gives is documented on a page of its own, and no page is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PASCAL_CASE = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)*")
PAGES = Path("docs/reasons")


def given_reasons(source: str) -> set[str]:
    """Reasons that a module gives: by `reason=`, `default_reason =` or under the key "reason"."""
    return {
        text
        for node in ast.walk(ast.parse(source))
        for value in _values(node)
        for text in _literals(value)
        if PASCAL_CASE.fullmatch(text)
    }


def _values(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.keyword(arg="reason"):
            yield node.value
        case ast.Assign(targets=[ast.Name(id="default_reason")]):
            yield node.value
        case ast.Dict():
            keys = (key.value if isinstance(key, ast.Constant) else None for key in node.keys)
            yield from (value for key, value in zip(keys, node.values, strict=True) if key == "reason")


def _literals(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.fixture(scope="module")
def pages(repository: Path) -> set[str]:
    """Names of the pages."""
    return {page.stem for page in (repository / PAGES).glob("*.md") if page.name != "README.md"}


def test_each_reason_has_its_page(repository: Path, modules: list[Path], pages: set[str]) -> None:
    if not (repository / PAGES).is_dir():
        pytest.skip("there are no pages of reasons yet")

    given = {reason: str(path) for path in modules for reason in given_reasons((repository / path).read_text())}

    assert {reason: path for reason, path in given.items() if reason not in pages} == {}


def test_each_page_says_why_what_then_and_what_next(repository: Path, pages: set[str]) -> None:
    lacking = {
        (name, part)
        for name in pages
        for part in (f"# {name}", "**Why.**", "**Then.**", "**Next.**")
        if part not in (repository / PAGES / f"{name}.md").read_text()
    }

    assert lacking == set()


def test_the_index_names_each_page_once(repository: Path, pages: set[str]) -> None:
    index = (repository / PAGES / "README.md").read_text()

    assert sorted(re.findall(r"\]\((\w+)\.md\)", index)) == sorted(pages)


def test_each_page_is_a_reason_of_the_code(repository: Path, modules: list[Path], pages: set[str]) -> None:
    words = {
        word for path in modules for word in re.findall(rf"\b{PASCAL_CASE.pattern}\b", (repository / path).read_text())
    }

    assert pages - words == set()


def test_reasons_are_found_where_they_are_given() -> None:
    source = """
class E: default_reason = "LoginRefused"
raise E("x", reason="RateLimited" if slow else "NotFound")
fault = {"row": 1, "reason": "NotConvertible", "message": "Something"}
say(title="NotAReason")
"""

    assert given_reasons(source) == {"LoginRefused", "RateLimited", "NotFound", "NotConvertible"}
