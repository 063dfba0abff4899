"""Contract of ledgers: scopes, epochs, leases, and that an overtaken writer writes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ponte.engine.ledger_port import Busy, Commit, Ending, Ledger, Scope, ScopeIdentity, Writer
from ponte.errors import StateError
from ponte.testing.contract.ledger import (
    GONE,
    IDENTITY,
    LONG_S,
    LedgerContract,
    OpenLedger,
    acquired,
    claimed,
    keys_of,
    records,
    reject_rows,
    report,
)


class LedgerScopes(LedgerContract):
    """A job's place in the ledger."""

    async def test_a_state_is_found_again_by_its_id_whatever_the_job_is_called(self, ledger: Ledger) -> None:
        first = await ledger.open_scope(IDENTITY)
        renamed = await ledger.open_scope(replace(IDENTITY, job="catalogue"))

        assert renamed.id == first.id
        assert (first.watermark, first.mapping_fingerprint, first.has_succeeded) == (None, None, False)

    async def test_each_state_has_a_place_of_its_own(self, ledger: Ledger) -> None:
        one = await ledger.open_scope(IDENTITY)
        other = await ledger.open_scope(replace(IDENTITY, state_id="prices"))

        assert one.id != other.id

    @pytest.mark.parametrize(
        "moved",
        [replace(IDENTITY, source=("elsewhere", "ARTICOLI")), replace(IDENTITY, target=("shop", "customers"))],
        ids=["source", "target"],
    )
    async def test_a_state_is_not_given_to_a_job_between_other_ends(self, moved: ScopeIdentity, ledger: Ledger) -> None:
        await ledger.open_scope(IDENTITY)

        with pytest.raises(StateError, match="products"):
            await ledger.open_scope(moved)

    async def test_looking_for_a_state_does_not_make_it(self, ledger: Ledger) -> None:
        before = await ledger.find_scope(IDENTITY)
        made = await ledger.open_scope(IDENTITY)

        assert before is None
        assert await ledger.find_scope(IDENTITY) == made


class LedgerLeases(LedgerContract):
    """Who may write, until when."""

    async def test_epochs_grow_with_each_writer(self, ledger: Ledger, scope: Scope) -> None:
        epochs = [(await acquired(ledger, scope, f"run-{number}", lease_s=None)).epoch for number in range(3)]

        assert epochs == sorted(set(epochs))

    async def test_a_held_lease_names_its_holder(self, open_ledger: OpenLedger, scope: Scope) -> None:
        first = await acquired(open_ledger("machine A"), scope, "run-1")

        answer = await open_ledger("machine B").acquire(scope, "run-2", lease_s=LONG_S)

        assert isinstance(answer, Busy)
        assert (answer.holder, answer.run_epoch) == ("machine A", first.epoch)
        assert 0 < answer.remaining_s <= LONG_S

    async def test_a_writer_without_lease_does_not_wait_for_one(self, ledger: Ledger, scope: Scope) -> None:
        holder = await acquired(ledger, scope, "run-1")
        beside = await acquired(ledger, scope, "run-2", lease_s=None)

        assert (holder.is_leased, beside.is_leased) == (True, False)
        assert beside.epoch > holder.epoch

    async def test_a_writer_without_lease_learns_whether_others_were_at_work(
        self, ledger: Ledger, scope: Scope
    ) -> None:
        alone = await acquired(ledger, scope, "event-1", lease_s=None)
        assert await ledger.is_alone(alone)

        holder = await acquired(ledger, scope, "run-1")
        beside = await acquired(ledger, scope, "event-2", lease_s=None)
        await ledger.release(holder)

        assert not await ledger.is_alone(alone)
        assert not await ledger.is_alone(beside)

    async def test_a_lease_that_ran_out_passes_on(self, ledger: Ledger, scope: Scope) -> None:
        first = await acquired(ledger, scope, "run-1", lease_s=0)
        second = await acquired(ledger, scope, "run-2")

        assert second.epoch > first.epoch

    async def test_the_lease_of_a_process_that_is_gone_passes_on_at_once(
        self, open_ledger: OpenLedger, scope: Scope
    ) -> None:
        await acquired(open_ledger(GONE), scope, "run-1", lease_s=LONG_S)

        await acquired(open_ledger(), scope, "run-2")

    async def test_a_lease_that_was_given_back_is_free(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.release(writer)

        await acquired(ledger, scope, "run-2")

    async def test_a_finished_run_gives_its_lease_back(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.finish(writer, Ending(report(phase="Succeeded")))

        await acquired(ledger, scope, "run-2")

    async def test_a_renewed_lease_is_held_on(self, ledger: Ledger, scope: Scope) -> None:
        writer = await acquired(ledger, scope, "run-1", lease_s=0)
        await ledger.renew(writer, LONG_S)

        assert isinstance(await ledger.acquire(scope, "run-2", lease_s=LONG_S), Busy)

    async def test_renewing_never_shortens_what_a_call_under_way_needs(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await claimed(ledger, writer, keys_of("1"), live_s=LONG_S)
        await ledger.renew(writer, 0)

        answer = await ledger.acquire(scope, "run-2", lease_s=LONG_S)

        assert isinstance(answer, Busy)
        assert answer.remaining_s > LONG_S / 2

    async def test_a_lost_lease_cannot_be_renewed(self, ledger: Ledger, scope: Scope) -> None:
        first = await acquired(ledger, scope, "run-1", lease_s=0)
        await acquired(ledger, scope, "run-2")

        with pytest.raises(StateError, match="lost its lease"):
            await ledger.renew(first, LONG_S)

    async def test_giving_back_a_lost_lease_leaves_the_successor_alone(self, ledger: Ledger, scope: Scope) -> None:
        first = await acquired(ledger, scope, "run-1", lease_s=0)
        second = await acquired(ledger, scope, "run-2")
        await ledger.release(first)

        await ledger.renew(second, LONG_S)


class LedgerFencing(LedgerContract):
    """A late commit writes nothing."""

    async def test_nothing_of_an_overtaken_run_is_written(self, ledger: Ledger, scope: Scope) -> None:
        late = await acquired(ledger, scope, "run-1", lease_s=0)
        keys = keys_of("1", "2")
        grant = await claimed(ledger, late, keys, live_s=0)
        await acquired(ledger, scope, "run-2")
        commit = Commit(
            report(), grant.claim, added=records(keys), rejects=reject_rows(keys_of("3")), watermark="2026-11-23"
        )

        with pytest.raises(StateError):
            await ledger.commit(late, commit)

        assert (await ledger.known(scope)).height == 0
        assert (await ledger.open_rejects(scope)).height == 0
        assert (await ledger.open_scope(IDENTITY)).watermark is None

    async def test_an_overtaken_run_can_neither_claim_nor_finish(self, ledger: Ledger, scope: Scope) -> None:
        late = await acquired(ledger, scope, "run-1", lease_s=0)
        await acquired(ledger, scope, "run-2")

        with pytest.raises(StateError):
            await claimed(ledger, late, keys_of("1"))
        with pytest.raises(StateError):
            await ledger.finish(late, Ending(report(phase="Succeeded"), mapping_fingerprint="x", has_succeeded=True))

        reopened = await ledger.open_scope(IDENTITY)
        assert (reopened.mapping_fingerprint, reopened.has_succeeded) == (None, False)

    async def test_a_late_writer_without_lease_is_refused_once_its_claim_was_settled(
        self, ledger: Ledger, scope: Scope
    ) -> None:
        keys = keys_of("1", "2")
        late = await acquired(ledger, scope, "event-1", lease_s=None)
        grant = await claimed(ledger, late, keys, live_s=0)
        settler = await acquired(ledger, scope, "run-2")
        await ledger.commit(settler, Commit(report("run-2"), added=records(keys[:1]), settled=records(keys[:1])["key"]))

        with pytest.raises(StateError, match="too late"):
            await ledger.commit(late, Commit(report("event-1"), grant.claim, added=records(keys, fingerprint=9)))

        assert (await ledger.known(scope))["fingerprint"].to_list() == [7]

    async def test_a_late_writer_without_lease_is_refused_once_its_key_was_claimed_by_another(
        self, ledger: Ledger, scope: Scope
    ) -> None:
        keys = keys_of("1")
        late = await acquired(ledger, scope, "event-1", lease_s=None)
        grant = await claimed(ledger, late, keys, live_s=0)
        await claimed(ledger, await acquired(ledger, scope, "event-2", lease_s=None), keys)

        with pytest.raises(StateError, match="too late"):
            await ledger.commit(late, Commit(report("event-1"), grant.claim, added=records(keys)))

        assert (await ledger.known(scope)).height == 0

    async def test_a_slow_writer_without_lease_that_nobody_overtook_may_commit(
        self, ledger: Ledger, scope: Scope
    ) -> None:
        slow = await acquired(ledger, scope, "event-1", lease_s=None)
        grant = await claimed(ledger, slow, keys_of("1"), live_s=0)

        await ledger.commit(slow, Commit(report("event-1"), grant.claim, added=records(keys_of("1"))))

        assert (await ledger.known(scope)).height == 1
