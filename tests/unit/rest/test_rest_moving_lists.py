"""A list that people edit while it is read: nothing in it is taken for vanished, the next quiet run misses nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from fixed_clock import FixedClock
from hypothesis import HealthCheck, example, given, settings
from moving_list import ORDERS, PAGINGS, Edit, MovingList
from scripted_server import ScriptedServer

from ponte.connectors.rest import connect
from ponte.engine.run import RunFailed
from ponte.manifests.references import References
from ponte_api.result import RunResult
from ponte_api.sync_source import SyncSource
from unit.engine.world import World, make_world

EXAMPLES = int(os.environ.get("MOVING_LIST_EXAMPLES", "6"))
FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
SKUS = [f"s{number}" for number in range(9)]
EDITS = st.lists(st.builds(Edit, st.sampled_from(SKUS), st.booleans()), max_size=2)


@dataclass
class Play:
    """A job from a moving list to a target in memory."""

    loop: asyncio.AbstractEventLoop
    listed: MovingList
    world: World
    system: Any

    def run(self, read: str) -> RunResult:
        """Runs once."""
        return self.loop.run_until_complete(asyncio.wait_for(self.world.run(read), 60))

    def held(self) -> dict[str, str]:
        """Prices at the target."""
        return {sku: f"{row['price']}" for sku, row in self.world.target.by_sku().items()}

    def wanted(self) -> dict[str, str]:
        """Prices at the source."""
        return {sku: row["price"] for sku, row in self.listed.records.items()}


@pytest.fixture(scope="module")
def begin() -> Iterator[Callable[..., Play]]:
    """Makes plays; all in one loop and before one server, since examples are many."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(ScriptedServer().start())
    opened: list[tuple[Play, Path]] = []

    def begin_one(listed: MovingList, *, has_keys: bool) -> Play:
        while opened:
            end(*opened.pop())
        server.answer = listed.answer
        product = {
            "name": "products",
            "path": "/products",
            "key": ["sku"],
            "list": {"records": "items", "total": "total"},
            "cursor": {"field": "changed", "parameter": "since", "upperParameter": "until"},
            **({"write": {"get": "GET /products/{sku}"}} if has_keys else {}),
        }
        rest = {
            "baseUrl": {"value": server.base_url},
            "allowedNetworks": ["127.0.0.0/8"],
            "pagination": PAGINGS[listed.paging],
        }
        source = SyncSource.model_validate(
            {
                "apiVersion": "ponte.dev/v1alpha1",
                "kind": "SyncSource",
                "metadata": {"name": "erp"},
                "spec": {"rest": rest, "objects": [product], "limits": {"connections": 1}},
            }
        )
        system = connect(source, References({}), FixedClock())
        folder = Path(tempfile.mkdtemp(dir=FOLDER))
        world = make_world(folder, batch_size=3)
        world.change(source_object=source.spec.objects[0])
        world.source = system.source("products")
        play = Play(loop, listed, world, system)
        opened.append((play, folder))
        return play

    def end(play: Play, folder: Path) -> None:
        loop.run_until_complete(play.system.close())
        shutil.rmtree(folder)

    yield begin_one
    while opened:
        end(*opened.pop())
    loop.run_until_complete(server.stop())
    loop.close()


@dataclass(frozen=True)
class Script:
    """How a list looks, and what happens.

    Attributes:
        has_total, knows_bounds: as in MovingList.
        has_keys: records can be read one by one.
        before: edits before the list is read.
        quiet: so many answers come before the first of `coming`.
        coming: edits while it is read, answer by answer.
        reads: how it is read while it moves, and how when all is quiet again.
    """

    order: str
    size: int
    has_total: bool
    knows_bounds: bool
    has_keys: bool
    before: Sequence[Edit]
    quiet: int
    coming: Sequence[Sequence[Edit]]
    reads: tuple[str, str]


READS = st.sampled_from(["all", "changes"])
SCRIPTS = st.builds(
    Script,
    order=st.sampled_from(sorted(ORDERS)),
    size=st.integers(2, 3),
    before=st.lists(st.builds(Edit, st.sampled_from(SKUS)), max_size=7, unique=True),
    quiet=st.integers(0, 8),
    coming=st.lists(EDITS, max_size=8),
    reads=st.tuples(READS, READS),
)
SLIPS_PAST = Script(
    order="oldest change first",
    size=2,
    has_total=False,
    knows_bounds=True,
    has_keys=False,
    before=[Edit(sku) for sku in SKUS[:5]],
    quiet=4,
    coming=[[Edit("s0")]],
    reads=("changes", "changes"),
)
"""The list was read for its upper bound, then its first page; s0 is changed once more, and another moves up there."""
IS_PASSED_OVER = replace(SLIPS_PAST, order="by key", coming=[[Edit("s0", is_removed=True)]], reads=("all", "changes"))
MOVES_TWICE = replace(
    IS_PASSED_OVER, coming=[[Edit("s0", is_removed=True)], *[()] * 4, [Edit("s1", is_removed=True)]], before=[]
)


@pytest.mark.parametrize("paging", PAGINGS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@example(SLIPS_PAST)
@example(replace(SLIPS_PAST, quiet=6))
@example(IS_PASSED_OVER)
@example(replace(IS_PASSED_OVER, quiet=6))
@example(MOVES_TWICE)
@example(replace(MOVES_TWICE, quiet=6))
@given(SCRIPTS)
def test_a_list_that_moves_while_it_is_read_loses_nothing(
    begin: Callable[..., Play], paging: str, script: Script
) -> None:
    listed = MovingList(paging, script.order, script.size, script.has_total, script.knows_bounds)
    listed.edit([Edit(sku) for sku in SKUS[:7]])
    play = begin(listed, has_keys=script.has_keys)
    play.run("all")
    play.run("changes")
    assert play.held() == play.wanted()
    listed.edit(script.before)
    delivered = set(play.held())

    listed.begin([()] * script.quiet + [*script.coming])
    with suppress(RunFailed):
        play.run(script.reads[0])

    assert delivered & listed.always <= set(play.held()), "taken for vanished"
    listed.begin([])
    play.run(script.reads[1])
    held, wanted = play.held(), play.wanted()
    assert {sku: held.get(sku) for sku in wanted} == wanted
    if script.reads[1] == "all":
        assert held == wanted
        assert play.world.rejects() == {}
