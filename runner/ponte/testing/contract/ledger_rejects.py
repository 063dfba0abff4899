"""Contract of ledgers: rejects, runs, watermarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ponte.engine.ledger_port import OPEN_REJECT_SCHEMA, Commit, Ending, Ledger, Scope, Writer
from ponte.testing.contract.ledger import (
    IDENTITY,
    LONG_S,
    LedgerContract,
    acquired,
    key,
    keys_of,
    reject_rows,
    report,
    series,
)


async def states(ledger: Ledger, scope: Scope) -> dict[str, str]:
    """State of each reject that is not closed."""
    return dict((await ledger.open_rejects(scope)).select("key", "state").rows())


class LedgerRejects(LedgerContract):
    """What did not get through."""

    async def test_a_reject_is_open_until_it_is_closed(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1", "2"))))
        opened = await ledger.open_rejects(scope)
        await ledger.commit(writer, Commit(report(), closed=series(keys_of("1"))))

        assert opened.schema == OPEN_REJECT_SCHEMA
        assert sorted(opened["key"]) == keys_of("1", "2")
        assert await states(ledger, scope) == {key("2"): "open"}

    async def test_only_the_run_that_opened_a_reject_calls_it_new(self, ledger: Ledger, scope: Scope) -> None:
        for run in ("run-1", "run-2"):
            writer = await acquired(ledger, scope, run)
            await ledger.commit(writer, Commit(report(run), rejects=reject_rows(keys_of("1"))))
            await ledger.release(writer)

        assert (await ledger.reject_levels(scope, "run-1"))[:2] == (1, 1)
        assert (await ledger.reject_levels(scope, "run-2"))[:2] == (0, 1)

    async def test_a_reject_keeps_the_time_when_it_was_first_seen(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1"))))
        first = (await ledger.open_rejects(scope))["first_seen"].item()
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1"), reason="CheckFailed")))

        assert (await ledger.open_rejects(scope))["first_seen"].item() == first

    async def test_a_reject_that_comes_back_is_new(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1"))))
        await ledger.commit(writer, Commit(report(), closed=series(keys_of("1"))))
        await ledger.release(writer)
        second = await acquired(ledger, scope, "run-2")
        await ledger.commit(second, Commit(report("run-2"), rejects=reject_rows(keys_of("1"))))

        assert (await ledger.reject_levels(scope, "run-2"))[:2] == (1, 1)

    async def test_what_waits_for_another_record_is_not_counted_as_open(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1"), state="deferred")))
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("2"), state="ambiguous")))

        assert await states(ledger, scope) == {key("1"): "deferred", key("2"): "ambiguous"}
        assert (await ledger.reject_levels(scope, "run-1"))[1] == 1

    async def test_the_most_frequent_reasons_come_first(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1"), reason="CheckFailed")))
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("2", "3"))))

        assert (await ledger.reject_levels(scope, "run-1"))[2] == [
            ("NotConvertible", "price", 2),
            ("CheckFailed", "price", 1),
        ]

    async def test_the_same_key_twice_in_one_commit_is_one_reject(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1", "1"))))

        assert await states(ledger, scope) == {key("1"): "open"}

    async def test_a_message_with_a_character_that_no_database_takes_is_kept(
        self, ledger: Ledger, scope: Scope, writer: Writer
    ) -> None:
        rows = reject_rows(keys_of("1")).with_columns(message=series(['"1\0" is not a number']))

        await ledger.commit(writer, Commit(report(), rejects=rows))

        assert await states(ledger, scope) == {key("1"): "open"}


class LedgerRuns(LedgerContract):
    """How runs go on and end."""

    async def test_the_watermark_moves_with_its_commit_and_stays_without(self, ledger: Ledger, writer: Writer) -> None:
        await ledger.commit(writer, Commit(report(), watermark="2026-11-23T02:00:00Z"))
        await ledger.commit(writer, Commit(report()))

        assert (await ledger.open_scope(IDENTITY)).watermark == "2026-11-23T02:00:00Z"

    async def test_a_success_is_remembered_with_the_mapping_it_was_made_by(
        self, ledger: Ledger, writer: Writer
    ) -> None:
        before = await ledger.succeeded(IDENTITY.job)
        await ledger.finish(writer, Ending(report(phase="Succeeded"), mapping_fingerprint="1:ab", has_succeeded=True))

        scope = await ledger.open_scope(IDENTITY)
        assert (before, await ledger.succeeded(IDENTITY.job)) == (False, True)
        assert (scope.mapping_fingerprint, scope.has_succeeded) == ("1:ab", True)

    async def test_a_failure_is_no_success(self, ledger: Ledger, scope: Scope, writer: Writer) -> None:
        await ledger.finish(writer, Ending(report(phase="Failed")))

        assert not await ledger.succeeded(IDENTITY.job)
        await acquired(ledger, scope, "run-2")

    async def test_time_goes_on(self, ledger: Ledger) -> None:
        first, second = await ledger.now(), await ledger.now()

        assert first.tzinfo is not None
        assert first <= second
        assert abs(first - datetime.now(UTC)) < timedelta(seconds=LONG_S)
