"""The demo's folder, and its modules, which are no package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "01-nightly-catalogue"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def folder() -> Path:
    return FOLDER


@pytest.fixture
def erp() -> Iterator[ModuleType]:
    yield _load("erp")
    del sys.modules["erp"]


@pytest.fixture
def checks() -> Iterator[ModuleType]:
    yield _load("checks")
    del sys.modules["checks"]


@pytest.fixture
def shop() -> Iterator[ModuleType]:
    yield _load("shop")
    del sys.modules["shop"]
