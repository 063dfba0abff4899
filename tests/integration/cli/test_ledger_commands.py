"""The ledger from the outside: looked at, checked, saved, moved, erased from."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

Ponte = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ran(ponte: Ponte) -> Ponte:
    """`ponte`, in a folder whose integration has run once."""
    ponte("init")
    assert ponte("run", "products").returncode == 0
    return ponte


def test_info_says_what_each_job_has(ran: Ponte) -> None:
    info = json.loads(ran("ledger", "info", "-o", "json").stdout)
    lines = ran("ledger", "info").stdout.splitlines()

    [scope] = info["scopes"]
    assert (scope["job"], scope["records"], scope["rejects"]) == ("products", 3, {"open": 1})
    assert {"ledgerId", "sizeBytes", "createdAt"} <= info.keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", scope["lastSuccessAt"])
    assert not [name for name in (*info, *scope) if "_" in name]
    assert lines[-1].split()[:6] == ["products", "exports/articles", "shop/products", "3", "0", "1"]


def test_a_sound_ledger_is_called_sound_and_a_damaged_one_is_not(ran: Ponte, tmp_path: Path) -> None:
    sound = ran("ledger", "check")
    with closing(sqlite3.connect(tmp_path / ".ponte" / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE ponte_records SET scope = 99")
    damaged = ran("ledger", "check")

    assert (sound.returncode, sound.stdout.splitlines()[-1].endswith("is sound.")) == (0, True)
    assert damaged.returncode == 1
    assert damaged.stdout.startswith("damage: ")


def test_a_backup_is_a_ledger_that_a_run_goes_on_with(ran: Ponte) -> None:
    saved = ran("ledger", "backup", "copy.db")
    again = ran("ledger", "backup", "copy.db")
    run = ran("run", "products", "--ledger", "sqlite:///copy.db")

    assert saved.returncode == 0
    assert again.returncode == 64
    assert run.stdout.startswith("read 5 = unchanged 3 ")


def test_an_export_fills_a_new_ledger_and_no_other(ran: Ponte) -> None:
    exported = ran("ledger", "export", "ledger.jsonl")
    mixed = ran("ledger", "import", "ledger.jsonl")
    moved = ran("ledger", "import", "ledger.jsonl", "--ledger", "sqlite:///new.db")
    run = ran("run", "products", "--ledger", "sqlite:///new.db")

    assert exported.returncode == 0
    assert mixed.returncode == 64
    assert moved.returncode == 0, moved.stderr
    assert run.stdout.startswith("read 5 = unchanged 3 ")


def test_a_lost_ledger_is_rebuilt_from_both_sides(ran: Ponte, tmp_path: Path) -> None:
    for file in (tmp_path / ".ponte").glob("ledger.db*"):
        file.unlink()

    rebuilt = ran("ledger", "rebuild", "products")
    run = ran("run", "products")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout.startswith("products: 3 records of the target known again.")
    assert run.returncode == 0
    assert "created" not in run.stdout


def test_a_job_whose_last_success_was_on_a_clock_ahead_goes_on_with_a_rebuilt_ledger(
    ran: Ponte, tmp_path: Path
) -> None:
    ledger = tmp_path / ".ponte" / "ledger.db"
    ahead_us = int(400.5 * 86_400 * 1_000_000)
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE ponte_scopes SET last_success_at = last_success_at + ?", (ahead_us,))

    refused = ran("run", "products")
    ledger.rename(tmp_path / ".ponte" / "aside.db")
    rebuilt = ran("ledger", "rebuild", "products")
    run = ran("run", "products")

    assert refused.returncode == 75
    assert "the clock is 400 days, " in refused.stderr
    assert "ponte ledger rebuild products" in refused.stderr
    assert (rebuilt.returncode, run.returncode) == (0, 0)


def test_nothing_is_erased_unless_somebody_says_so(ran: Ponte) -> None:
    unasked = ran("erase", "0000001")
    erased = ran("erase", "0000001", "--yes")
    unknown = ran("erase", "99", "--yes")

    assert (unasked.returncode, unknown.returncode) == (64, 64)
    assert "--yes" in unasked.stderr
    assert erased.stdout.startswith("erased: 1 record, ")
    assert json.loads(ran("ledger", "info", "-o", "json").stdout)["scopes"][0]["records"] == 2


def test_prune_says_what_it_removed(ran: Ponte) -> None:
    assert ran("ledger", "prune").stdout == "removed: 0 runs, 0 closed rejects, 0 tombstones\n"


@pytest.mark.parametrize("words", [["ledger", "info"], ["runs"], ["ledger", "check"], ["erase", "1", "--yes"]])
def test_looking_for_a_ledger_that_is_not_there_makes_none(
    ponte: Ponte, tmp_path: Path, words: tuple[str, ...]
) -> None:
    ponte("init")

    looked = ponte(*words)

    assert looked.returncode == 64
    assert "There is no ledger at" in looked.stderr
    assert not (tmp_path / ".ponte").exists()


@pytest.mark.needs("postgresql")
def test_a_ledger_in_postgresql_does_all_the_same(ponte: Ponte, postgres_url: str) -> None:
    ponte("init")

    first = ponte("run", "products", PONTE_LEDGER=postgres_url)
    again = ponte("run", "products", PONTE_LEDGER=postgres_url)
    listed = ponte("rejects", "list", "products", "-o", "json", PONTE_LEDGER=postgres_url)
    exported = ponte("ledger", "export", "ledger.jsonl", PONTE_LEDGER=postgres_url)
    moved = ponte("ledger", "import", "ledger.jsonl")
    here = ponte("run", "products")

    assert first.stdout.startswith("read 5 = created 3 "), first.stderr
    assert again.stdout.startswith("read 5 = unchanged 3 ")
    assert [reject["key"] for reject in json.loads(listed.stdout)] == [["0000004"]]
    assert (exported.returncode, moved.returncode) == (0, 0), moved.stderr
    assert here.stdout.startswith("read 5 = unchanged 3 ")
    assert ponte("ledger", "check", PONTE_LEDGER=postgres_url).returncode == 0
    assert ponte("doctor", PONTE_LEDGER=postgres_url).returncode == 0
    assert ponte("ledger", "backup", "copy.db", PONTE_LEDGER=postgres_url).returncode == 64


@pytest.mark.needs("postgresql")
def test_a_ledger_in_postgresql_is_looked_at_erased_from_pruned_and_rebuilt(ponte: Ponte, postgres_url: str) -> None:
    ponte("init")

    def there(*words: str) -> subprocess.CompletedProcess[str]:
        return ponte(*words, PONTE_LEDGER=postgres_url)

    def info() -> dict[str, Any]:
        return json.loads(there("ledger", "info", "-o", "json").stdout)["scopes"][0]

    there("run", "products")
    assert (info()["job"], info()["records"], info()["rejects"]) == ("products", 3, {"open": 1})
    assert there("ledger", "info").stdout.splitlines()[-1].split()[:6] == [
        *("products", "exports/articles", "shop/products", "3", "0", "1")
    ]

    assert there("erase", "0000001").returncode == 64
    assert there("erase", "0000001", "--yes").stdout.startswith("erased: 1 record, ")
    assert info()["records"] == 2
    with psycopg.connect(postgres_url) as connection:
        for table in ("ponte_records", "ponte_rejects", "ponte_runs"):
            assert connection.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%0000001%'").fetchone() == (
                0,
            )
    again = there("run", "products")
    assert (again.returncode, "created" in again.stdout) == (0, False), again.stdout

    with psycopg.connect(postgres_url) as connection:
        connection.execute("UPDATE ponte_rejects SET state = 'closed', last_seen = 0")
        connection.execute("UPDATE ponte_runs SET started_at = 0, ended_at = 1")
        connection.execute("UPDATE ponte_records SET deleted_at = 1 WHERE key LIKE '%0000002'")
    pruned = there("ledger", "prune")
    assert pruned.stdout == "removed: 0 runs, 1 closed reject, 1 tombstone\n"  # the last runs are always kept
    assert there("ledger", "check").returncode == 0

    there("ledger", "export", "before.jsonl")
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
        for (table,) in tables:
            connection.execute(f"DROP TABLE {table}")
    rebuilt = there("ledger", "rebuild", "products")
    assert rebuilt.stdout.startswith("products: 3 records of the target known again."), rebuilt.stderr
    assert there("ledger", "import", "before.jsonl").returncode == 64
    assert "created" not in there("run", "products").stdout


@pytest.mark.needs("psycopg")
def test_a_password_of_the_ledger_is_in_no_output(ponte: Ponte) -> None:
    ponte("init")
    url = "postgresql://ponte:s3cret-word@127.0.0.1:9/ledger"

    said = [ponte(*words, PONTE_LEDGER=url) for words in (["run", "products"], ["doctor"], ["runs", "--debug"])]

    assert [done.returncode for done in said] == [75, 1, 75]
    assert not [done for done in said if "s3cret" in done.stdout + done.stderr]
