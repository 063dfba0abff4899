"""A stop signal while the connector waits: what was not sent is said to be unsent, what may have been is unknown."""

from __future__ import annotations

import pytest
from exchange import delivery, read_all
from rest_writes import OWN_IDS, UPSERT, first_then
from scripted_server import Reply

from ponte.errors import Interrupted

ROWS = [{"sku": name} for name in "abcdef"]


@pytest.fixture
def stopped_clock(clock, monkeypatch):
    """The signal comes in the first pause."""

    async def sleep(seconds):
        clock.slept.append(seconds)
        raise Interrupted("stopped while waiting")

    monkeypatch.setattr(clock, "sleep", sleep)
    return clock


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "30"}], ids=["backoff", "Retry-After"])
async def test_a_write_that_may_have_arrived_is_unknown_and_the_rest_of_the_chunk_is_not_sent(
    server, open_system, stopped_clock, headers
):
    server.answer = lambda seen: Reply(503, headers=headers)
    target = open_system(write=UPSERT, limits={"connections": 1}).target("products")

    answers = await target.deliver(delivery("create", ROWS))

    assert answers["outcome"].to_list()[0] == "unknown"
    if headers:
        assert answers["reason"].to_list()[1:] == ["Interrupted"] * 5
        assert len(server.seen) == 1


async def test_a_write_that_certainly_had_no_effect_raises_interrupted(server, open_system, stopped_clock):
    server.answer = lambda seen: Reply(429, headers={"Retry-After": "30"})
    target = open_system(write=OWN_IDS).target("products")

    with pytest.raises(Interrupted):
        await target.deliver(delivery("create", ROWS))

    assert len(stopped_clock.slept) == 1


async def test_a_reading_that_waits_raises_interrupted(server, open_system, stopped_clock):
    server.answer = lambda seen: Reply(503, headers={"Retry-After": "30"})

    with pytest.raises(Interrupted):
        await read_all(open_system().source("products"))


async def test_a_write_that_may_have_arrived_once_is_unknown_though_the_last_attempt_was_refused(
    server, open_system, clock
):
    server.answer = first_then(Reply(503), last=Reply(429))
    target = open_system(write=UPSERT).target("products")

    answers = await target.deliver(delivery("create", ROWS[:1]))

    assert answers["outcome"].to_list() == ["unknown"]
