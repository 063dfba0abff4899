"""Whatever writers do, and in whatever order they come too late, the ledger is what a plain model says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ponte.engine.ledger_port import Commit, Grant, Writer
from ponte.errors import StateError
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import open_database
from ponte.testing.contract.ledger import (
    IDENTITY,
    LONG_S,
    acquired,
    claim_rows,
    keys_of,
    records,
    reject_rows,
    report,
    series,
)

T = TypeVar("T")
KEYS = keys_of("1", "2", "3", "4")
SOME_KEYS = st.sets(st.sampled_from(KEYS), min_size=1).map(sorted)


@dataclass
class Claimed:
    """A claim as the model sees it; `owner` None: it was taken away from its writer."""

    owner: int | None
    keys: set[str]
    is_live: bool


@dataclass
class Pending:
    """What a writer has claimed and not yet committed."""

    claim: Claimed
    number: int
    version: int
    doubtful: set[str]


@dataclass
class Model:
    """The ledger, as simply as it can be said."""

    records: dict[str, tuple[int, int]] = field(default_factory=dict)
    rejects: set[str] = field(default_factory=set)
    claims: list[Claimed] = field(default_factory=list)
    holder: int | None = None

    def may_write(self, writer: Writer) -> bool:
        return not writer.is_leased or writer.epoch == self.holder

    def take_lease(self, epoch: int) -> None:
        for claim in self.claims:
            claim.is_live = claim.is_live and claim.owner != self.holder
        self.holder = epoch

    def claim(
        self, writer: Writer, keys: list[str], version: int, *, is_live: bool
    ) -> tuple[Claimed, set[str], set[str]]:
        """The claim, the keys that are lost and those that are in doubt."""
        others = [claim for claim in self.claims if claim.owner != writer.epoch]
        busy = {key for claim in others if claim.is_live for key in claim.keys}
        newer = {key for key in keys if self.records.get(key, (0, 0))[1] > version}
        lost = set(keys) & (busy | newer)
        doubtful: set[str] = set()
        for claim in others:
            if not claim.is_live and claim.keys & set(keys):
                claim.owner = None
                doubtful |= claim.keys & set(keys)
        made = Claimed(writer.epoch, set(keys) - lost, is_live)
        self.claims.append(made)
        return made, lost, doubtful - lost

    def commit(self, pending: Pending, fingerprint: int, unknown: set[str]) -> None:
        done = pending.claim.keys - unknown
        pending.claim.keys, pending.claim.is_live = set(unknown), False
        for claim in self.claims:
            settled = done & pending.doubtful
            if not claim.is_live and claim.keys & settled:
                claim.keys -= settled
                claim.owner = None
        self.claims = [claim for claim in self.claims if claim.keys]
        self.records |= dict.fromkeys(done, (fingerprint, pending.version))


class Writers(RuleBasedStateMachine):
    """Runs with the lease and writers without, that claim, commit, die and come too late."""

    new_url: Callable[[], str]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ledger = StoredLedger(open_database(type(self).new_url()), "any", lambda _: True)
        self.scope = self.do(self.ledger.open_scope(IDENTITY))
        self.writers: list[Writer] = []
        self.pending: dict[int, Pending] = {}
        self.model = Model()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.do(self.ledger.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    @rule(has_lease=st.booleans())
    def a_writer_comes(self, has_lease: bool) -> None:
        writer = self.do(acquired(self.ledger, self.scope, "run", LONG_S if has_lease else None))
        self.writers.append(writer)
        if has_lease:
            self.model.take_lease(writer.epoch)

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), keys=SOME_KEYS, version=st.integers(1, 4), is_live=st.booleans())
    def a_writer_claims(self, data: st.DataObject, keys: list[str], version: int, is_live: bool) -> None:
        writer = data.draw(st.sampled_from(self.writers))
        if writer.epoch in self.pending:
            return
        known = [key for key in keys if key in self.model.records]
        rows = claim_rows(keys, "create", version).with_columns(
            operation=series(["update" if key in known else "create" for key in keys])
        )
        call = self.ledger.claim(writer, rows, LONG_S if is_live else 0)
        if not self.model.may_write(writer):
            with pytest.raises(StateError):
                self.do(call)
            return
        grant: Grant = self.do(call)
        made, lost, doubtful = self.model.claim(writer, keys, version, is_live=is_live)
        assert (set(grant.lost), set(grant.doubtful)) == (lost, doubtful)
        self.pending[writer.epoch] = Pending(made, grant.claim, version, doubtful)

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), fingerprint=st.integers(0, 2**128 - 1))
    def a_writer_commits(self, data: st.DataObject, fingerprint: int) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.pending)))
        pending = self.pending.pop(epoch)
        writer = next(writer for writer in self.writers if writer.epoch == epoch)
        keys = sorted(pending.claim.keys)
        unknown = data.draw(st.sets(st.sampled_from(keys))) if keys else set()
        done = [key for key in keys if key not in unknown]
        commit = Commit(
            report("run"),
            pending.number,
            unknown=series(sorted(unknown)),
            settled=series([key for key in done if key in pending.doubtful]),
            added=records([key for key in done if key not in self.model.records], fingerprint, pending.version),
            changed=records([key for key in done if key in self.model.records], fingerprint, pending.version),
        )
        if self.model.may_write(writer) and pending.claim.owner == epoch:
            self.do(self.ledger.commit(writer, commit))
            self.model.commit(pending, fingerprint, unknown)
        else:
            with pytest.raises(StateError):
                self.do(self.ledger.commit(writer, commit))

    @precondition(lambda self: self.writers)
    @rule(data=st.data(), rejected=SOME_KEYS, closed=SOME_KEYS)
    def a_writer_rejects_and_closes(self, data: st.DataObject, rejected: list[str], closed: list[str]) -> None:
        writer = data.draw(st.sampled_from(self.writers))
        call = self.ledger.commit(writer, Commit(report("run"), rejects=reject_rows(rejected), closed=series(closed)))
        if not self.model.may_write(writer):
            with pytest.raises(StateError):
                self.do(call)
            return
        self.do(call)
        self.model.rejects = (self.model.rejects - set(closed)) | set(rejected)

    @invariant()
    def the_ledger_is_what_the_model_says(self) -> None:
        details = self.do(self.ledger.details(self.scope, series(KEYS)))
        found = {
            key: (print_, version) for key, print_, version in details.select("key", "fingerprint", "version").rows()
        }
        assert found == self.model.records
        assert set(self.do(self.ledger.open_rejects(self.scope))["key"]) == self.model.rejects
        nobody = Writer(self.scope, "nobody", -1, is_leased=False, outside_commits=0)
        in_doubt = {key for claim in self.model.claims if not claim.is_live for key in claim.keys}
        assert set(self.do(self.ledger.doubts(nobody))["key"]) == in_doubt


@pytest.mark.parametrize(
    ("kind", "examples"), [("sqlite", 25), pytest.param("postgresql", 6, marks=pytest.mark.needs("postgresql"))]
)
def test_the_ledger_does_what_the_model_says(kind: str, examples: int, new_url: Callable[[str], str]) -> None:
    machine = type("Machine", (Writers,), {"new_url": staticmethod(lambda: new_url(kind))})

    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))
