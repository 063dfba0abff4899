"""What people do about rejects, approvals and lost ledgers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import polars as pl
import pytest

from ponte.engine.ledger_port import Commit, Ending
from ponte.errors import StateError, UsageError
from ponte.ledger import review, runs
from ponte.ledger.database import Database
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.review import RejectFilter, list_rejects, show_reject
from ponte.ledger.seeding import SEED_SCHEMA
from ponte.testing.contract.ledger import (
    IDENTITY,
    acquired,
    claimed,
    ids,
    key,
    keys_of,
    records,
    reject_rows,
    removals,
    report,
    series,
)

Fill = Callable[[Callable[[StoredLedger], Awaitable[None]]], None]
JOB = IDENTITY.job


async def rejected(ledger: StoredLedger) -> None:
    """Two open ones, one that waits, one ambiguous create whose claim is in doubt, one closed."""
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "run-1")
    await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("1", "2", "old"))))
    await ledger.commit(writer, Commit(report(), closed=series(keys_of("old"))))
    rows = [reject_rows(["record 7"], "SourceKeyMissing"), reject_rows([key("A", "b")], "LookupPending", "deferred")]
    await ledger.commit(writer, Commit(report(), rejects=pl.concat(rows)))
    unsure = keys_of("unsure", "sure")
    grant = await claimed(ledger, writer, unsure)
    doubt = reject_rows(unsure[:1], "AmbiguousCreate", "ambiguous")
    added = records(unsure[1:])
    await ledger.commit(writer, Commit(report(), grant.claim, unknown=series(unsure[:1]), added=added, rejects=doubt))
    await ledger.release(writer)


async def doubts_and_known(ledger: StoredLedger) -> tuple[list[str], dict[str, int | None]]:
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "looker", lease_s=None)
    details = await ledger.details(scope, series(keys_of("unsure", "sure")))
    return (await ledger.doubts(writer))["key"].to_list(), dict(details.select("key", "fingerprint").rows())


def test_rejects_are_listed_by_key_with_what_they_need_from_people(db: Database, fill: Fill) -> None:
    fill(rejected)

    page = list_rejects(db, JOB)

    assert [(reject.key, reject.state) for reject in page.rejects] == [
        ("1", "open"),
        ("2", "open"),
        ("A\tb", "deferred"),
        ("unsure", "ambiguous"),
        ("record 7", "open"),
    ]
    assert page.total == 5
    first = page.rejects[0]
    assert (first.faults[0].field, first.faults[0].reason) == ("price", "NotConvertible")
    assert (first.first_run, first.attempts, first.stage) == ("run-1", 1, "map")
    assert first.first_seen.tzinfo is not None


@pytest.mark.parametrize(
    ("wanted", "keys", "total"),
    [
        (RejectFilter(reason="NotConvertible"), ["1", "2"], 2),
        (RejectFilter(states=("closed",)), ["old"], 1),
        (RejectFilter(field="name"), [], 0),
        (RejectFilter(states=()), [], 0),
        (RejectFilter(states=("open",), limit=1, offset=1), ["2"], 3),
        (RejectFilter(reason="'; DROP TABLE ponte_rejects; --"), [], 0),
    ],
)
def test_rejects_are_filtered_and_paged(
    wanted: RejectFilter, keys: list[str], total: int, db: Database, fill: Fill
) -> None:
    fill(rejected)

    page = list_rejects(db, JOB, wanted)

    assert ([reject.key for reject in page.rejects], page.total) == (keys, total)


def test_one_reject_is_shown_by_its_key_or_position(db: Database, fill: Fill) -> None:
    fill(rejected)

    shown = [show_reject(db, JOB, name) for name in ("A\tb", "record 7", "old", "never")]

    assert [reject and reject.state for reject in shown] == ["deferred", "open", "closed", None]


def test_a_job_that_never_ran_is_named(db: Database) -> None:
    with pytest.raises(UsageError, match="ponte run prodcts"):
        list_rejects(db, "prodcts")


def test_retry_of_all_takes_what_needs_no_word_of_a_person(db: Database, fill: Fill) -> None:
    fill(rejected)

    assert review.retry(db, JOB).done == ("1", "2", "A\tb", "record 7")
    assert show_reject(db, JOB, "unsure").state == "ambiguous"  # type: ignore[union-attr]  # it is there


def test_retry_of_an_ambiguous_one_ends_its_doubt(db: Database, fill: Fill) -> None:
    fill(rejected)

    reviewed = review.retry(db, JOB, ["unsure", "never"])

    assert (reviewed.done, reviewed.unknown) == (("unsure",), ("never",))
    assert show_reject(db, JOB, "unsure").state == "open"  # type: ignore[union-attr]  # it is there
    seen: list[object] = []

    async def look(ledger: StoredLedger) -> None:
        seen.append(await doubts_and_known(ledger))

    fill(look)
    assert seen == [([], {key("sure"): 7})]


def test_skip_sets_aside_what_was_rejected_and_believes_that_what_was_in_doubt_arrived(
    db: Database, fill: Fill
) -> None:
    fill(rejected)

    reviewed = review.skip(db, JOB, ["1", "unsure", "old"])

    assert (reviewed.done, reviewed.arrived, reviewed.unknown) == (("1",), ("unsure",), ("old",))
    states = [show_reject(db, JOB, name).state for name in ("1", "unsure")]  # type: ignore[union-attr]  # they are
    assert states == ["skipped", "closed"]
    seen: list[object] = []

    async def look(ledger: StoredLedger) -> None:
        seen.append(await doubts_and_known(ledger))
        scope = await ledger.open_scope(IDENTITY)
        writer = await acquired(ledger, scope, "run-2")
        await ledger.commit(writer, Commit(report("run-2"), rejects=reject_rows(keys_of("1"))))
        seen.append((await ledger.reject_levels(scope, "run-2"))[0])

    fill(look)
    assert seen == [([], {key("sure"): 7, key("unsure"): None}), 0]
    assert show_reject(db, JOB, "1").state == "skipped"  # type: ignore[union-attr]  # it is there


def test_operations_that_wait_are_given_once(db: Database, fill: Fill) -> None:
    pending = pl.DataFrame({"key": keys_of("1"), "natural_key": keys_of("1"), "version": [3], "why": ["vanished"]})

    async def ends_above_the_guard(ledger: StoredLedger) -> None:
        writer = await acquired(ledger, await ledger.open_scope(IDENTITY), "run-1")
        await ledger.finish(writer, Ending(report(phase="AwaitingApproval"), pending=pending))

    fill(ends_above_the_guard)
    [(result, listed)] = runs.waiting(db)
    with db.transaction():
        approved = runs.approve(db, "run-1", "anna")

    assert result.phase == "AwaitingApproval"
    assert approved.equals(pending)
    assert listed.equals(pending)
    with pytest.raises(UsageError, match="waits for approval"), db.transaction():
        runs.approve(db, "run-1", "anna")
    assert runs.waiting(db) == []
    assert "Approved by anna" in runs.recent(db, None, 1)[0].notes


def test_seeding_makes_known_what_is_at_the_target_and_again_changes_nothing(fill: Fill) -> None:
    rows = [(key("1"), None, "17", None, 5), (key("2"), key("B"), None, None, 5), (key("gone"), None, None, 9, 5)]
    found: list[object] = []

    async def rebuild(ledger: StoredLedger) -> None:
        scope = await ledger.open_scope(IDENTITY)
        writer = await acquired(ledger, scope, "run-1")
        await ledger.commit(writer, Commit(report(), added=records(keys_of("2", "gone")), ids=ids({key("B"): "18"})))
        await ledger.commit(writer, Commit(report(), removed=removals(keys_of("gone"), version=2)))
        seeds = pl.DataFrame(rows, schema=SEED_SCHEMA, orient="row")
        found.append([await ledger.seed(writer, seeds), await ledger.seed(writer, seeds)])
        details = await ledger.details(scope, series(keys_of("1", "2", "gone")))
        found.append(sorted(details.select("key", "fingerprint", "deleted").rows()))
        found.append(sorted((await ledger.target_ids(scope, pl.Series("natural_key", [key("1"), key("B")]))).rows()))

    fill(rebuild)

    assert found[0] == [2, 0]
    assert found[1] == [(key("1"), None, False), (key("2"), 7, False), (key("gone"), 9, False)]
    assert found[2] == [(key("1"), "17"), (key("B"), "18")]


def test_who_lost_the_lease_seeds_nothing(fill: Fill) -> None:
    async def overtaken(ledger: StoredLedger) -> None:
        scope = await ledger.open_scope(IDENTITY)
        late = await acquired(ledger, scope, "run-1", lease_s=0)
        await acquired(ledger, scope, "run-2")
        with pytest.raises(StateError):
            await ledger.seed(late, pl.DataFrame([(key("1"), None, None, None, 1)], schema=SEED_SCHEMA, orient="row"))
        assert (await ledger.known(scope)).height == 0

    fill(overtaken)
