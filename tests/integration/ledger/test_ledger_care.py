"""Looking after a ledger: info, check, backup, prune, erase."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ponte.engine.ledger_port import Commit, Ending, Grant
from ponte.errors import StateError, TransientError, UsageError
from ponte.ledger.backup import backup
from ponte.ledger.database import Database
from ponte.ledger.erasure import erase
from ponte.ledger.inspection import info
from ponte.ledger.integrity import check
from ponte.ledger.ledger import StoredLedger
from ponte.ledger.opening import opened, sqlite_path
from ponte.ledger.retention import KEPT_RUNS, Retention, prune
from ponte.testing.contract.ledger import (
    IDENTITY,
    LONG_S,
    acquired,
    claimed,
    ids,
    key,
    keys_of,
    named_records,
    records,
    reject_rows,
    removals,
    report,
    series,
)
from ponte_api.result import Account

Fill = Callable[[Callable[[StoredLedger], Awaitable[None]]], None]
NOTHING_KEPT = Retention(runs=timedelta(0), rejects=timedelta(0), tombstones=timedelta(0))


async def lived_in(ledger: StoredLedger) -> None:
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "run-1")
    await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2", "gone")), watermark="2026"))
    await ledger.commit(writer, Commit(report(), added=records(keys_of("3"), None), ids=ids({key("1"): "17"})))
    await ledger.commit(writer, Commit(report(), removed=removals(keys_of("gone"), version=2)))
    await ledger.commit(writer, Commit(report(), rejects=reject_rows(keys_of("4", "5"))))
    await ledger.commit(writer, Commit(report(), closed=series(keys_of("5"))))
    event = await acquired(ledger, scope, "event", lease_s=None)
    await claimed(ledger, event, keys_of("6", "7"), live_s=0)
    await claimed(ledger, event, keys_of("8"))


def test_info_counts_what_is_there(db: Database, fill: Fill) -> None:
    fill(lived_in)

    told = info(db)
    [scope] = told.scopes

    assert (scope.state_id, scope.source, scope.target) == ("products", "erp/ARTICOLI", "shop/products")
    assert (scope.records, scope.unknown, scope.tombstones) == (3, 1, 1)
    assert (scope.claimed, scope.in_doubt) == (1, 2)
    assert scope.rejects == {"open": 1, "closed": 1}
    assert scope.watermark == "2026"
    assert scope.lease is not None
    assert not scope.lease.has_run_out
    assert (told.ids, told.runs, told.kind) == (1, 1, db.kind)
    assert told.size_bytes > 10_000


def test_a_sound_ledger_has_only_notices(db: Database, fill: Fill) -> None:
    assert check(db) == []
    fill(lived_in)

    assert [(finding.severity, "2 keys are in doubt" in finding.message) for finding in check(db)] == [("notice", True)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE ponte_records SET scope = 99", "ponte_records belong to no job"),
        ("UPDATE ponte_rejects SET scope = 99", "ponte_rejects belong to no job"),
        ("UPDATE ponte_records SET print_lo = NULL WHERE print_hi IS NOT NULL", "half a fingerprint"),
        ("UPDATE ponte_records SET natural_key = 'same' WHERE deleted_at IS NULL", "1 natural keys are held by more"),
        ("UPDATE ponte_runs SET result = '{'", "report cannot be read"),
        ("UPDATE ponte_claims SET keys = CAST('torn' AS {blob})", "cannot be read"),
    ],
)
def test_check_names_what_is_damaged(damage: str, words: str, db: Database, fill: Fill) -> None:
    fill(lived_in)
    with db.transaction():
        db.execute(damage.replace("{blob}", "BLOB" if db.kind == "sqlite" else "BYTEA"))

    found = [finding.message for finding in check(db) if finding.severity == "damage"]

    assert any(words in message for message in found)


def test_check_names_runs_whose_account_does_not_close(db: Database, fill: Fill) -> None:
    async def lost_one(ledger: StoredLedger) -> None:
        writer = await acquired(ledger, await ledger.open_scope(IDENTITY), "run-1")
        ended = report(
            phase="Succeeded", account=Account(read=3, created=2), ended_at=datetime(2026, 11, 23, tzinfo=UTC)
        )
        await ledger.finish(writer, Ending(ended))

    fill(lost_one)

    assert ["run-1" in finding.message for finding in check(db)] == [True]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_check_sees_pages_that_were_overwritten(url: str, fill: Fill) -> None:
    async def much(ledger: StoredLedger) -> None:
        writer = await acquired(ledger, await ledger.open_scope(IDENTITY), "run-1")
        await ledger.commit(writer, Commit(report(), added=records(keys_of(*map(str, range(2000))))))

    fill(much)
    path = sqlite_path(url)
    with opened(url) as db:
        db.query("PRAGMA wal_checkpoint(TRUNCATE)", (), pl.Schema({"a": pl.Int64, "b": pl.Int64, "c": pl.Int64}))
    content = bytearray(path.read_bytes())
    middle = content.index(b"1500") // 4096 * 4096
    content[middle : middle + 200] = b"\x00" * 200
    path.write_bytes(content)

    with opened(url) as db:
        assert {finding.severity for finding in check(db)} == {"damage"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_torn_ledger_is_not_opened(url: str, fill: Fill) -> None:
    fill(lived_in)
    with opened(url) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = sqlite_path(url)
    whole = path.read_bytes()

    for torn in (whole[: len(whole) // 2], whole[:50], b"\x00" * 4096, b"not a database at all"):
        path.write_bytes(torn)
        with pytest.raises(StateError, match="damaged"), opened(url):
            pass
        assert path.read_bytes() == torn


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_backup_is_a_ledger_of_its_own_and_overwrites_nothing(url: str, fill: Fill, tmp_path: Path) -> None:
    fill(lived_in)
    copy = tmp_path / "copy.db"
    with opened(url) as db:
        size = backup(db, copy)
        before = replace(info(db), size_bytes=0)
        with pytest.raises(UsageError, match="there already"):
            backup(db, copy)

    with opened(f"sqlite:///{copy}") as db:
        assert replace(info(db), size_bytes=0) == before
        assert [finding.severity for finding in check(db)] == ["notice"]
    assert size > 10_000
    assert list(tmp_path.glob(".*.part")) == []


@pytest.mark.parametrize("url", [pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))], indirect=True)
def test_a_ledger_in_postgresql_is_saved_by_other_means(db: Database, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pg_dump.*ponte ledger export"):
        backup(db, tmp_path / "copy.db")


def test_prune_removes_what_is_over_and_keeps_what_is_not(db: Database, fill: Fill) -> None:
    async def many_runs(ledger: StoredLedger) -> None:
        await lived_in(ledger)
        scope = await ledger.open_scope(IDENTITY)
        for number in range(KEPT_RUNS + 5):
            writer = await acquired(ledger, scope, f"event-{number}", lease_s=None)
            ended = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=number)
            done = report(f"event-{number}", phase="Succeeded", started_at=ended, ended_at=ended)
            await ledger.finish(writer, Ending(done))

    fill(many_runs)

    while_busy = prune(db, default=NOTHING_KEPT)
    with db.transaction():
        db.execute("UPDATE ponte_scopes SET lease_until = 0")
    after = prune(db, default=NOTHING_KEPT)

    assert (while_busy.rejects, while_busy.tombstones, while_busy.busy) == (1, 0, ("products",))
    assert while_busy.runs == 6
    assert (after.rejects, after.tombstones, after.runs, after.busy) == (0, 1, 0, ())
    [scope] = info(db).scopes
    assert (scope.records, scope.tombstones, scope.rejects, scope.in_doubt) == (3, 0, {"open": 1}, 2)
    assert info(db).ids == 1


def test_each_job_keeps_it_as_long_as_it_says(db: Database, fill: Fill) -> None:
    fill(lived_in)
    with db.transaction():
        db.execute("UPDATE ponte_scopes SET lease_until = 0")
    for_ever = Retention(runs=None, rejects=None, tombstones=None)

    said = prune(db, {"products": for_ever, "another": NOTHING_KEPT}, NOTHING_KEPT)
    unsaid = prune(db, {"another": for_ever}, NOTHING_KEPT)

    assert (said.rejects, said.tombstones) == (0, 0)
    assert (unsaid.rejects, unsaid.tombstones) == (1, 1)


def test_what_is_kept_for_ever_stays(db: Database, fill: Fill) -> None:
    fill(lived_in)
    with db.transaction():
        db.execute("UPDATE ponte_scopes SET lease_until = 0")

    pruned = prune(db, default=Retention(runs=None, rejects=None, tombstones=None))

    assert (pruned.runs, pruned.rejects, pruned.tombstones) == (0, 0, 0)


SECRET = "RSSMRA80A01H501U"


async def with_a_person(ledger: StoredLedger) -> None:
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "run-1")
    naturals = {key(SECRET): key("mario.rossi@example.com"), key("2"): key("anna@example.com")}
    await ledger.commit(writer, Commit(report(), added=named_records(naturals), ids=ids({naturals[key(SECRET)]: "17"})))
    of_another = reject_rows(keys_of("2")).with_columns(message=series([f"the same as {SECRET}, or {SECRET}9"]))
    await ledger.commit(writer, Commit(report(), rejects=pl.concat([reject_rows(keys_of(SECRET)), of_another])))
    event = await acquired(ledger, scope, "event", lease_s=None)
    await claimed(ledger, event, keys_of(SECRET, "3"), "update", live_s=0)
    notes = [f"1 of 2 keys is not in the source: {SECRET}"]
    await ledger.finish(writer, Ending(report(notes=notes, phase="Succeeded")))
    other = await ledger.open_scope(replace(IDENTITY, state_id="stock", job="stock", source=("erp", "STOCK")))
    beside = await acquired(ledger, other, "run-2")
    await ledger.commit(beside, Commit(report("run-2"), added=records(keys_of(SECRET))))


def test_an_erased_record_leaves_no_value_behind_and_is_not_taken_for_new(db: Database, fill: Fill) -> None:
    fill(with_a_person)

    erased = erase(db, SECRET)

    assert (erased.records, erased.rejects, erased.ids, erased.claims) == (2, 1, 1, 1)
    with pytest.raises(UsageError):
        erase(db, SECRET)
    grants: list[Grant] = []

    async def comes_again(ledger: StoredLedger) -> None:
        scope = await ledger.open_scope(IDENTITY)
        writer = await acquired(ledger, scope, "run-3")
        grants.append(await claimed(ledger, writer, keys_of(SECRET, "new")))
        assert (await ledger.doubts(writer))["key"].to_list() == keys_of("3")
        messages = [report.notes for report in await ledger.recent_runs("products")]
        assert ["1 of 2 keys is not in the source: (erased)"] in messages

    fill(comes_again)
    assert grants[0].erased.to_list() == keys_of(SECRET)
    message = db.query("SELECT message AS text FROM ponte_rejects", (), pl.Schema({"text": pl.String})).item()
    assert message == f"the same as (erased), or {SECRET}9"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_nothing_of_an_erased_record_is_left_in_the_files(url: str, fill: Fill) -> None:
    fill(with_a_person)
    with opened(url) as db:
        with db.transaction():
            db.execute("DELETE FROM ponte_rejects WHERE key = $1", (key("2"),))
        erase(db, SECRET)
        path = sqlite_path(url)
        files = [path, path.with_name(f"{path.name}-wal")]
        content = b"".join(file.read_bytes() for file in files if file.exists())

    assert b"anna@example.com" in content
    assert SECRET.encode() not in content
    assert b"mario.rossi" not in content


def test_a_name_that_only_a_later_job_knows_erases_the_record_of_earlier_jobs_too(db: Database, fill: Fill) -> None:
    (key, natural) = keys_of("0042", "AN-0042")

    async def two_jobs(ledger: StoredLedger) -> None:
        for name, rows in (
            ("first", records([key])),
            ("second", records([key]).with_columns(natural_key=pl.Series([natural]))),
        ):
            identity = replace(IDENTITY, state_id=name, job=name, source=("erp", "PEOPLE"), target=("shop", name))
            writer = await acquired(ledger, await ledger.open_scope(identity), f"run-{name}")
            await ledger.commit(writer, Commit(report(f"run-{name}"), added=rows))

    fill(two_jobs)

    assert erase(db, "AN-0042").records == 2
    assert [scope.records for scope in info(db).scopes] == [0, 0]


def test_erasing_for_a_job_leaves_other_objects_with_the_same_key_alone(db: Database, fill: Fill) -> None:
    fill(with_a_person)

    async def elsewhere(ledger: StoredLedger) -> None:
        identity = replace(
            IDENTITY, state_id="orders", job="orders", source=("erp", "ORDERS"), target=("shop", "orders")
        )
        writer = await acquired(ledger, await ledger.open_scope(identity), "run-9")
        await ledger.commit(writer, Commit(report("run-9"), added=records(keys_of(SECRET, "8"))))

    fill(elsewhere)

    erased = erase(db, "mario.rossi@example.com", job="products")

    assert erased.records == 1
    left = {scope.state_id: scope.records for scope in info(db).scopes}
    assert left == {"orders": 2, "products": 1, "stock": 1}


def test_a_record_that_is_being_delivered_is_not_erased(db: Database, fill: Fill) -> None:
    async def under_way(ledger: StoredLedger) -> None:
        writer = await acquired(ledger, await ledger.open_scope(IDENTITY), "run-1")
        await ledger.commit(writer, Commit(report(), added=records(keys_of(SECRET))))
        await claimed(ledger, writer, keys_of(SECRET), "update", live_s=LONG_S)

    fill(under_way)

    with pytest.raises(TransientError, match="being delivered"):
        erase(db, SECRET)
    assert info(db).scopes[0].records == 1
