"""Any order of edits, runs, crashes, lost and late answers and changed Mappings: a whole run puts the target in step.

The machine knows the source and the Mapping in plain Python, and counts creates at a target that cannot upsert.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ponte.engine.run import RunFailed
from ponte_api.mapping import MappingSpec
from unit.engine.world import BLIND_UPSERTS, GIVES_IDS, MAPPING, TAKES_KEYS, UPSERTS, World, article, make_world

SKUS = [f"s{number}" for number in range(6)]
POINTS = [
    f"{name}.{side}"
    for name in ("open", "claim", "deliver", "commit", "close-batch", "watermark", "claim-delete", "delete",
                 "commit-delete", "admit", "bury", "settle-rest", "mapping", "forget", "finish")
    for side in ("before", "after")
]  # fmt: skip
BESIDE = (
    "open.after",
    "claim.before",
    "claim.after",
    "deliver.before",
    "deliver.after",
    "commit.before",
    "commit.after",
)
ENDS_EARLY = ("KeysBusy", "ServerError")
"""How a run ends: a claim of a killed run on request lives until its time is up; a target without answers is down."""
GIVES_WAY = (*ENDS_EARLY, "ClaimRanOut")
"""The same, and that of a run that waited for another until its own time was over."""
READS = ("all", "changes", "range", "keys")
FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None


class Synchronisation(RuleBasedStateMachine):
    """A source that people edit, a job that is run and killed, a target that answers badly."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=FOLDER))
        self.loop = asyncio.new_event_loop()
        self.world: World
        self.clock = 0
        self.is_upper = False

    @initialize(
        capabilities=st.sampled_from([UPSERTS, GIVES_IDS, BLIND_UPSERTS, TAKES_KEYS]),
        size=st.integers(1, 4),
        moves=st.booleans(),
        patience=st.sampled_from([None, 1, 2]),
    )
    def begin(self, capabilities: Any, size: int, moves: bool, patience: int | None) -> None:
        self.world = make_world(
            self.folder,
            *(article(sku, changed=0) for sku in SKUS[:3]),
            capabilities=capabilities,
            reads=READS,
            batch_size=size,
            overlap_s=0.0,
        )
        self.world.lease_s = 3600.0  # two runs wait for each other by a clock that is set; leases go by the real one
        self.world.target.patience = patience
        offered = self.world.source.capabilities
        self.world.source.capabilities = replace(offered, moves=moves, cursor_order=not moves)

    @rule(
        sku=st.sampled_from(SKUS),
        name=st.sampled_from(["x", "y", None]),
        price=st.sampled_from(["1.00", "2.00"]),
        web=st.sampled_from("SSN"),
    )
    def edit(self, sku: str, name: str | None, price: str, web: str) -> None:
        self.clock += 1
        self.world.source.put(article(sku, name=name, price=price, web=web, changed=self.clock))

    @rule(sku=st.sampled_from(SKUS))
    def delete(self, sku: str) -> None:
        self.world.source.remove(sku)

    @rule()
    def edit_the_mapping(self) -> None:
        self.is_upper = not self.is_upper
        name = {"to": "name", "from": "name", "required": True, **({"case": "upper"} if self.is_upper else {})}
        fields = [MAPPING["fields"][0], name, MAPPING["fields"][2]]  # type: ignore[index]
        self.world.change(mapping=MappingSpec.model_validate({**MAPPING, "fields": fields}))

    @rule(sku=st.sampled_from(SKUS), how=st.sampled_from(["lose", "drop", "delay", "silent"]))
    def answer_badly(self, sku: str, how: str) -> None:
        if how == "delay" and not self.world.target.capabilities.finds:
            return  # nobody can tell a late effect from none: what settle is for
        getattr(self.world.target, how).add(sku)

    @rule(read=st.sampled_from(READS), write=st.sampled_from(["differences", "differences", "all"]), data=st.data())
    def run(self, read: str, write: str, data: st.DataObject) -> None:
        self._run(read, write, data, None)

    @rule(
        read=st.sampled_from(READS),
        point=st.sampled_from(POINTS),
        hit=st.integers(1, 3),
        data=st.data(),
    )
    def crash(self, read: str, point: str, hit: int, data: st.DataObject) -> None:
        self._run(read, "differences", data, (point, hit))
        self.world.target.wake()  # what was under way arrives now or never
        self._answer_well()

    @rule(
        keys=st.lists(st.sampled_from(SKUS), min_size=1, max_size=3, unique=True),
        points=st.tuples(st.sampled_from(BESIDE), st.sampled_from(BESIDE)),
        change=st.tuples(st.sampled_from(SKUS), st.sampled_from(["1.00", "2.00"])),
    )
    def run_on_request_beside_a_whole_one(
        self, keys: list[str], points: tuple[str, str], change: tuple[str, str]
    ) -> None:
        """One reads first and is held up; the source changes; it goes on in the middle of the other."""
        self.loop.run_until_complete(self._two_runs(keys, points, change))
        self.world.rows("UPDATE ponte_claims SET live_until = 1 WHERE live_until > 1")

    async def _two_runs(self, keys: list[str], points: tuple[str, str], change: tuple[str, str]) -> None:
        held, goes_on = asyncio.Event(), asyncio.Event()

        async def hold_up(name: str) -> None:
            if name == points[0] and not held.is_set():
                held.set()
                await goes_on.wait()

        async def let_go(name: str) -> None:
            if name == points[1] and not goes_on.is_set():
                goes_on.set()
                await asyncio.wait({early})

        early = asyncio.ensure_future(self.world.run("keys", hold_up, keys=keys))
        reached = asyncio.ensure_future(held.wait())
        await asyncio.wait({early, reached}, return_when=asyncio.FIRST_COMPLETED)
        self.edit(change[0], "x", change[1], "S")
        late = (await asyncio.gather(self.world.run("all", let_go), return_exceptions=True))[0]
        goes_on.set()
        reached.cancel()
        for ended in (late, *await asyncio.gather(early, return_exceptions=True)):
            if isinstance(ended, BaseException) and getattr(ended, "reason", "") not in GIVES_WAY:
                raise ended

    def _run(self, read: str, write: str, data: st.DataObject, crash: tuple[str, int] | None) -> None:
        order: dict[str, Any] = {"write": write}
        if read == "keys":
            order["keys"] = data.draw(st.lists(st.sampled_from(SKUS), min_size=1, max_size=3, unique=True))
        if read == "range":
            order.update(lower="0", upper=str(self.clock))
        try:
            if crash is None:
                self.loop.run_until_complete(self.world.run(read, **order))
            else:
                self.loop.run_until_complete(self.world.crash(*crash, read=read, **order))
        except RunFailed as failed:
            if failed.reason not in ENDS_EARLY:
                raise
        self.world.rows("UPDATE ponte_claims SET live_until = 1 WHERE live_until > 1")

    @precondition(lambda self: hasattr(self, "world"))
    @rule()
    def settle(self) -> None:
        """A whole run, and all is in step; another, and nothing is written."""
        self._answer_well()
        self.loop.run_until_complete(self.world.run())
        if self.world.decide():
            self.loop.run_until_complete(self.world.run())
        self._check()
        effects = len(self.world.target.effects)
        self.loop.run_until_complete(self.world.run())
        assert len(self.world.target.effects) == effects

    def _answer_well(self) -> None:
        target = self.world.target
        for bad in (target.lose, target.drop, target.delay, target.silent):
            bad.clear()

    def _check(self) -> None:
        rejected = {row["sku"] for row in self.world.source.rows if row["web"] == "S" and not row["name"]}
        held = {sku: (row["name"], str(row["price"])) for sku, row in self.world.target.by_sku().items()}
        expected = {
            sku: (row["name"].upper() if self.is_upper else row["name"], row["price"])
            for sku, row in self.world.expected().items()
        }
        assert {sku: value for sku, value in held.items() if sku not in rejected} == expected
        assert set(self.world.rejects()) == rejected
        assert self.world.claims() == 0

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.settle()
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


EXAMPLES = int(os.environ.get("STATE_MACHINE_EXAMPLES", "12"))
TestSynchronisation = Synchronisation.TestCase
TestSynchronisation.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
