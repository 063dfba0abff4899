"""Which module may know what, as far as import-linter (see pyproject.toml) cannot say it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import ponte
import ponte_api

API_MAY_IMPORT = {"pydantic", "pydantic_core", "ponte_api"} | sys.stdlib_module_names
RUN_BY_ANOTHER = ("migrations", "__main__", "pytest_plugin")  # Alembic, python -m and pytest start these


def imported(source: str) -> Iterator[str]:
    """Top-level packages that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]


def names_of_modules(package: ModuleType) -> list[str]:
    """Dotted names of a package's modules that can be imported on their own."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.", onerror=lambda _: None)
    return [info.name for info in found if not any(part in RUN_BY_ANOTHER for part in info.name.split("."))]


def test_the_api_needs_nothing_but_pydantic(repository: Path, modules: list[Path]) -> None:
    foreign = {
        (str(path), name)
        for path in modules
        if "ponte_api" in path.parts
        for name in imported((repository / path).read_text())
        if name not in API_MAY_IMPORT
    }

    assert foreign == set()


@pytest.mark.parametrize("name", names_of_modules(ponte) + names_of_modules(ponte_api))
def test_each_module_can_be_imported_and_exports_what_it_says(name: str) -> None:
    module = importlib.import_module(name)

    exported = getattr(module, "__all__", [])
    assert [entry for entry in exported if not hasattr(module, entry)] == []
    assert len(set(exported)) == len(exported)


def test_each_folder_of_the_packages_is_a_package(repository: Path, modules: list[Path]) -> None:
    roots = {Path("runner/ponte"), Path("crds/ponte_api")}
    folders = {path.parent for path in modules if roots & {path.parent, *path.parents}}

    assert {str(folder) for folder in folders if not (repository / folder / "__init__.py").is_file()} == set()
