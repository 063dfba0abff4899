"""Limits hold per system and process, however often it is connected: by both ends of a job, by several runs."""

from __future__ import annotations

import asyncio
import gc

from exchange import delivery, read_all
from rest_writes import UPSERT
from scripted_server import Reply

from ponte.connectors.http import limits

ROWS = [{"sku": name} for name in "abcde"]


async def test_a_system_that_is_connected_twice_keeps_one_pace(server, open_system, clock):
    server.answer = lambda seen: Reply(200, [] if seen.method == "GET" else {})
    settings = {"write": UPSERT, "limits": {"requestsPerSecond": 2}}
    source, target = (open_system(**settings) for _ in range(2))
    started = clock.now()

    await target.target("products").deliver(delivery("create", ROWS))
    await read_all(source.source("products"))

    assert len(server.seen) == 6
    assert (clock.now() - started).total_seconds() == 2.5


async def test_a_system_that_is_connected_twice_has_one_number_of_connections(server, open_system):
    async def answer(seen):
        for _ in range(50):  # others have time to come in
            await asyncio.sleep(0)
        return Reply(200, {})

    server.answer = answer
    targets = [open_system(write=UPSERT, limits={"connections": 2}).target("products") for _ in range(3)]

    await asyncio.gather(*(target.deliver(delivery("create", ROWS)) for target in targets))

    assert server.most_in_flight == 2


async def test_a_rest_that_the_system_asked_for_is_kept_by_all(server, open_system, clock):
    replies = [Reply(429, headers={"Retry-After": "9"})]
    server.answer = lambda seen: replies.pop() if replies else Reply(200, [])
    one, other = (open_system().source("products") for _ in range(2))

    async with asyncio.TaskGroup() as group:
        group.create_task(read_all(one))
        group.create_task(read_all(other))

    assert len(server.seen) == 3
    assert sum(clock.slept) >= 9


def test_other_systems_have_limits_of_their_own(open_system):
    mine = open_system()
    theirs = open_system(rest={"baseUrl": {"value": "http://127.0.0.1:9/other"}})

    assert mine._client.limits is not theirs._client.limits


def test_limits_end_with_the_last_who_uses_them(clock):
    ours = limits.shared_limits(clock, ("shop", "http://shop"), 1, 7)
    assert limits.shared_limits(clock, ("shop", "http://shop"), 1, 7) is ours

    del ours
    gc.collect()

    assert not any(key[:4] == ("shop", "http://shop", 1, 7) for key in limits._SHARED)
