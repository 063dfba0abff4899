"""A session that was used without an error is used again, if it did not rest for long."""

from __future__ import annotations

import asyncio

import pytest

from ponte.connectors.relational.sessions import RestingSessions
from ponte.errors import TransientError
from ponte_api.sync_source import SyncSource


class FakeSession:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.is_broken = False

    def rollback(self) -> None:
        self.calls.append("rollback")

    def close(self) -> None:
        self.calls.append("close")


class Opened:
    """Opens fake sessions within a limit of connections, and remembers them."""

    def __init__(self, rest_s: float = 60.0, connections: int = 8) -> None:
        source = SyncSource.model_validate(
            {
                "apiVersion": "ponte.dev/v1alpha1",
                "kind": "SyncSource",
                "metadata": {"name": "erp"},
                "spec": {
                    "sql": {"url": {"value": "sqlite:///erp.db"}},
                    "limits": {"connections": connections},
                    "objects": [{"name": "products", "table": "products"}],
                },
            }
        )
        self.all: list[FakeSession] = []
        self.sessions = RestingSessions(source, self._open, lambda session: not session.is_broken, rest_s)

    def _open(self) -> FakeSession:
        self.all.append(FakeSession())
        return self.all[-1]

    async def use(self, error: Exception | None = None) -> FakeSession:
        async with self.sessions.session() as (session, _):
            if error is not None:
                raise error
            return session


async def test_a_session_is_used_again_and_its_transaction_is_over_by_then() -> None:
    opened = Opened()

    first = await opened.use()
    second = await opened.use()

    assert first is second
    assert first.calls == ["rollback", "rollback"]


async def test_a_session_in_which_something_failed_is_not_used_again() -> None:
    opened = Opened()

    with pytest.raises(TransientError):
        await opened.use(TransientError("the connection is gone"))
    second = await opened.use()

    failed, fresh = opened.all
    assert second is fresh
    assert failed.calls == ["close"]


async def test_a_session_that_rested_for_too_long_is_closed_and_another_opened() -> None:
    opened = Opened(rest_s=0.0)

    await opened.use()
    second = await opened.use()

    old, fresh = opened.all
    assert second is fresh
    assert old.calls == ["rollback", "close"]


async def test_a_session_that_broke_while_it_rested_is_not_used_again() -> None:
    opened = Opened()
    first = await opened.use()
    first.is_broken = True

    second = await opened.use()

    assert second is not first
    assert first.calls == ["rollback", "close"]


async def test_what_a_target_keeps_is_used_by_nobody_else() -> None:
    opened = Opened()
    source = await opened.use()

    async with opened.sessions.kept() as (target, _):
        assert target is not source

    assert (target.calls, source.calls) == (["close"], ["rollback"])


async def test_two_at_a_time_have_a_session_each() -> None:
    opened = Opened()

    async with opened.sessions.session() as (first, _), opened.sessions.session() as (second, _):
        assert first is not second


async def test_a_resting_session_counts_within_the_limit_of_connections() -> None:
    opened = Opened(connections=1)

    await asyncio.gather(*(opened.use() for _ in range(5)))

    assert len(opened.all) == 1


async def test_what_rests_is_given_back_with_the_system() -> None:
    opened = Opened()
    session = await opened.use()

    await opened.sessions.close()

    assert session.calls == ["rollback", "close"]
