"""Contract of ledgers: claims."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import polars as pl

from ponte.engine.ledger_port import CLAIM_SCHEMA, RECORD_SCHEMA, Commit, Ledger, Scope, Writer
from ponte.testing.contract.ledger import (
    IDENTITY,
    LONG_S,
    LedgerContract,
    OpenLedger,
    acquired,
    claim_rows,
    claimed,
    keys_of,
    records,
    removals,
    report,
    series,
)


class LedgerClaims(LedgerContract):
    """The durable marks "these keys are being delivered"."""

    async def test_a_free_key_is_granted(self, ledger: Ledger, writer: Writer) -> None:
        grant = await claimed(ledger, writer, keys_of("1", "2"))

        assert (grant.lost.to_list(), grant.doubtful.to_list()) == ([], [])

    async def test_a_key_that_another_is_delivering_is_lost(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await claimed(ledger, writer, keys_of("1", "2"))
        beside = await acquired(ledger, scope, "event", lease_s=None)

        grant = await claimed(ledger, beside, keys_of("2", "3"))

        assert grant.lost.to_list() == keys_of("2")

    async def test_a_natural_key_that_another_is_delivering_is_lost(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        (one, other), (natural,) = keys_of("1", "2"), keys_of("SKU")
        await ledger.claim(writer, pl.DataFrame([(one, natural, "create", 1)], CLAIM_SCHEMA, orient="row"), LONG_S)
        beside = await acquired(ledger, scope, "event", lease_s=None)

        same_natural = pl.DataFrame([(other, natural, "create", 1)], CLAIM_SCHEMA, orient="row")
        grant = await ledger.claim(beside, same_natural, LONG_S)

        assert grant.lost.to_list() == [other]

    async def test_what_another_job_creates_at_the_same_object_is_lost_and_may_be_created_once_it_let_go(
        self, ledger: Ledger, writer: Writer
    ) -> None:
        beside = await ledger.open_scope(replace(IDENTITY, job="suppliers", state_id="suppliers"))
        other = await acquired(ledger, beside, "run-2")
        theirs = await claimed(ledger, other, keys_of("1", "2"))

        grant = await claimed(ledger, writer, keys_of("2", "3"))
        updates = await claimed(ledger, writer, keys_of("1"), "update")
        await ledger.commit(other, Commit(claim=theirs.claim, result=report("run-2")))
        again = await claimed(ledger, writer, keys_of("2"))

        assert (grant.lost.to_list(), grant.is_shared) == (keys_of("2"), True)
        assert (updates.lost.to_list(), updates.is_shared) == ([], False)
        assert (again.lost.to_list(), again.is_shared) == ([], True)

    async def test_of_many_jobs_that_create_a_record_at_once_one_may(self, open_ledger: OpenLedger) -> None:
        ledgers = [open_ledger() for _ in range(3)]
        names = ["products", "suppliers", "stores"]
        scopes = [await ledgers[0].open_scope(replace(IDENTITY, job=name, state_id=name)) for name in names]
        writers = [
            await acquired(ledger, scope, f"run-{scope.id}") for ledger, scope in zip(ledgers, scopes, strict=True)
        ]
        for contested in range(6):
            keys = keys_of(f"{contested}")
            grants = await asyncio.gather(
                *(claimed(ledger, writer, keys) for ledger, writer in zip(ledgers, writers, strict=True))
            )
            assert sorted(grant.lost.to_list() for grant in grants) == [[], keys, keys]

    async def test_a_create_of_what_another_delivered_meanwhile_is_lost(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        (one, other, third), (natural,) = keys_of("1", "2", "3"), keys_of("SKU")
        beside = await acquired(ledger, scope, "event", lease_s=None)
        grant = await ledger.claim(
            beside, pl.DataFrame([(one, natural, "create", 1)], CLAIM_SCHEMA, orient="row"), LONG_S
        )
        delivered = pl.DataFrame([(one, natural, 7, 1)], RECORD_SCHEMA, orient="row")
        await ledger.commit(beside, Commit(claim=grant.claim, added=delivered, result=report()))

        rows = [(one, natural, "create", 2), (other, natural, "create", 2), (third, None, "create", 2)]
        grant = await ledger.claim(writer, pl.DataFrame(rows, CLAIM_SCHEMA, orient="row"), LONG_S)

        assert sorted(grant.lost) == sorted([one, other])

    async def test_claims_of_other_jobs_do_not_count(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        elsewhere = Scope(scope.id + 1000, scope.identity, None, None, has_succeeded=False)
        await claimed(ledger, writer, keys_of("1"))

        assert (await ledger.known(elsewhere)).height == 0
        assert (await ledger.doubts(Writer(elsewhere, "x", 1, is_leased=False, outside_commits=0))).height == 0

    async def test_a_committed_claim_is_over(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        grant = await claimed(ledger, writer, keys_of("1"))
        await ledger.commit(writer, Commit(report(), grant.claim, added=records(keys_of("1"))))
        beside = await acquired(ledger, scope, "event", lease_s=None)

        again = await ledger.claim(beside, claim_rows(keys_of("1"), "update", version=2), LONG_S)

        assert (again.lost.to_list(), again.doubtful.to_list()) == ([], [])

    async def test_a_claim_whose_time_is_up_is_in_doubt_and_may_be_had(self, ledger: Ledger, scope: Scope) -> None:
        dead = await acquired(ledger, scope, "event-1", lease_s=None)
        await claimed(ledger, dead, keys_of("1", "2"), live_s=0)
        successor = await acquired(ledger, scope, "run-2")

        doubts = await ledger.doubts(successor)
        grant = await claimed(ledger, successor, keys_of("2", "3"))

        assert sorted(doubts["key"]) == keys_of("1", "2")
        assert grant.doubtful.to_list() == keys_of("2")
        assert grant.lost.to_list() == []

    async def test_claims_of_a_lost_lease_are_in_doubt_at_once(self, ledger: Ledger, scope: Scope) -> None:
        dead = await acquired(ledger, scope, "run-1", lease_s=0)
        await claimed(ledger, dead, keys_of("1"), live_s=0)
        successor = await acquired(ledger, scope, "run-2")

        assert (await ledger.doubts(successor))["key"].to_list() == keys_of("1")

    async def test_keys_without_answer_stay_in_doubt(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        keys = keys_of("1", "2")
        grant = await claimed(ledger, writer, keys)
        await ledger.commit(writer, Commit(report(), grant.claim, unknown=series(keys[1:]), added=records(keys[:1])))
        await ledger.release(writer)

        successor = await acquired(ledger, scope, "run-2")

        assert (await ledger.doubts(successor))["key"].to_list() == keys[1:]

    async def test_doubts_end_key_by_key_as_they_are_settled(self, ledger: Ledger, scope: Scope) -> None:
        dead = await acquired(ledger, scope, "event-1", lease_s=None)
        keys = keys_of("1", "2", "3")
        await claimed(ledger, dead, keys, live_s=0)
        successor = await acquired(ledger, scope, "run-2")

        await ledger.commit(successor, Commit(report("run-2"), settled=series(keys[:2])))
        left = (await ledger.doubts(successor))["key"].to_list()
        await ledger.commit(successor, Commit(report("run-2"), settled=series(keys[2:])))

        assert left == keys[2:]
        assert (await ledger.doubts(successor)).height == 0

    async def test_live_claims_of_others_are_not_settled(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        beside = await acquired(ledger, scope, "event", lease_s=None)
        grant = await claimed(ledger, beside, keys_of("1"))

        await ledger.commit(writer, Commit(report(), settled=series(keys_of("1"))))

        await ledger.commit(beside, Commit(report("event"), grant.claim, added=records(keys_of("1"))))
        assert (await ledger.known(scope)).height == 1

    async def test_a_newer_version_that_others_delivered_wins(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        beside = await acquired(ledger, scope, "event", lease_s=None)
        grant = await claimed(ledger, beside, keys_of("1"))
        await ledger.commit(beside, Commit(report("event"), grant.claim, added=records(keys_of("1"), version=5)))

        older = await ledger.claim(writer, claim_rows(keys_of("1", "2"), "create", version=4), LONG_S)

        assert older.lost.to_list() == keys_of("1")

    async def test_a_newer_version_wins_even_where_nobody_else_wrote(self, ledger: Ledger, writer: Writer) -> None:
        grant = await claimed(ledger, writer, keys_of("1"))
        await ledger.commit(writer, Commit(report(), grant.claim, added=records(keys_of("1"), version=5)))

        older = await ledger.claim(writer, claim_rows(keys_of("1"), "update", version=4), LONG_S)

        assert (older.lost.to_list(), older.newer.to_list()) == (keys_of("1"), keys_of("1"))

    async def test_what_others_removed_after_it_was_read_is_lost_whatever_its_version(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        """The version of a deletion is that of the record deleted: what was read before it may have a greater one."""
        early = await ledger.now()
        await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"), version=5)))
        beside = await acquired(ledger, scope, "event", lease_s=None)
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("1"), version=5)))
        rows = claim_rows(keys_of("1", "2"), "update", version=6)

        late = await ledger.claim(beside, rows, LONG_S, early)
        read_since = await ledger.claim(beside, rows, LONG_S, await ledger.now() + timedelta(seconds=1))

        assert (late.lost.to_list(), late.newer.to_list()) == (keys_of("1"), keys_of("1"))
        assert read_since.lost.to_list() == []

    async def test_what_another_is_delivering_is_not_told_as_newer(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        grant = await claimed(ledger, writer, keys_of("1", "2"))
        await ledger.commit(writer, Commit(report(), grant.claim, added=records(keys_of("1", "2"), version=5)))
        beside = await acquired(ledger, scope, "event", lease_s=None)
        await ledger.claim(beside, claim_rows(keys_of("1"), "update", version=6), LONG_S)

        older = await ledger.claim(writer, claim_rows(keys_of("1", "2"), "update", version=4), LONG_S)

        assert sorted(older.lost.to_list()) == keys_of("1", "2")
        assert older.newer.to_list() == keys_of("2")

    async def test_of_many_that_claim_a_key_at_once_one_gets_it(self, open_ledger: OpenLedger, scope: Scope) -> None:
        ledgers = [open_ledger() for _ in range(4)]
        writers = [
            await acquired(ledger, scope, f"event-{number}", lease_s=None) for number, ledger in enumerate(ledgers)
        ]
        for contested in range(6):
            keys = keys_of(f"{contested}")
            grants = await asyncio.gather(
                *(claimed(ledger, writer, keys) for ledger, writer in zip(ledgers, writers, strict=True))
            )
            assert sorted(grant.lost.to_list() for grant in grants) == [[], keys, keys, keys]

    async def test_of_many_that_want_the_lease_at_once_one_gets_it(self, open_ledger: OpenLedger, scope: Scope) -> None:
        ledgers = [open_ledger() for _ in range(4)]
        for attempt in range(5):
            answers = await asyncio.gather(
                *(ledger.acquire(scope, f"run-{attempt}", lease_s=LONG_S) for ledger in ledgers)
            )
            writers = [answer for answer in answers if isinstance(answer, Writer)]
            assert len(writers) == 1
            await ledgers[0].release(writers[0])
