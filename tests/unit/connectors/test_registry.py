"""The registry loads the connector that is needed and says what is missing."""

from __future__ import annotations

import importlib.metadata
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from ponte.connectors import registry
from ponte.errors import ConfigurationError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource


class StillClock:
    """A clock that does not go."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        return None


def make_source(**spec: Any) -> SyncSource:
    return SyncSource.model_validate(
        {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "erp"}, "spec": spec}
    )


def connect(source: SyncSource) -> Any:
    return registry.connect(source, References(environment={}), StillClock())


MEMORY = {"memory": {"name": "x"}, "objects": [{"name": "a"}]}


def test_the_kind_that_is_set_decides_the_connector() -> None:
    system = connect(make_source(**MEMORY))

    assert type(system).__module__ == "ponte.connectors.memory.system"


def test_a_kind_without_a_connector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "installed", importlib.metadata.EntryPoints)

    with pytest.raises(ConfigurationError, match="no connector for 'memory'"):
        connect(make_source(**MEMORY))


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("memory", "no_such_package:connect", registry.GROUP)
    monkeypatch.setattr(registry, "installed", lambda: importlib.metadata.EntryPoints([point]))

    with pytest.raises(ConfigurationError, match=r"no_such_package.*ponte-sync\[memory\]"):
        connect(make_source(**MEMORY))


async def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    objects = [{"name": "a", "table": "a"}]
    system = connect(make_source(sql={"url": {"value": "postgresql://127.0.0.1/x"}}, objects=objects))

    probe = await system.probe()

    assert (probe.ok, probe.reason) == (False, "ExtraMissing")
    assert "ponte-sync[postgresql]" in probe.message


@pytest.mark.parametrize(
    ("url", "words"),
    [("h/d", "of another SQLAlchemy dialect"), ("sqlite://x.db", "sqlite:///PATH"), ("sqlite:///", "sqlite:///PATH")],
)
def test_an_address_that_no_driver_knows_is_refused(url: str, words: str) -> None:
    source = make_source(sql={"url": {"value": url}}, objects=[{"name": "a", "table": "a"}])

    with pytest.raises(ConfigurationError, match=words):
        connect(source)


def test_an_object_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no object 'b' \(has: a\)"):
        connect(make_source(**MEMORY)).source("b")
