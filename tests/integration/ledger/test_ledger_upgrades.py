"""A ledger of an earlier version, with all that its jobs left in it, is brought to the next one by a real revision.

There is one version so far, so the next one is made here: a revision that expands the tables, beside the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from alembic.config import Config
from sqlalchemy import Connection

from ponte.engine.ledger_port import Commit
from ponte.errors import PonteError, StateError
from ponte.ledger import migration, opening
from ponte.ledger.integrity import check
from ponte.ledger.opening import connect, open_ledger, opened, version
from ponte.testing.contract.ledger import IDENTITY, LONG_S, acquired, claimed, keys_of, records, report, series

REVISION = '''
"""Records know who delivered them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("ponte_records", sa.Column("run", sa.Text, comment="that delivered it"))
    op.create_table("ponte_notes", sa.Column("scope", sa.BigInteger, primary_key=True), sa.Column("note", sa.Text))
    op.execute("INSERT INTO ponte_notes SELECT id, job FROM ponte_scopes")
    {last}
'''
TEXT = pl.Schema({"text": pl.String})


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this the code of version 2, whose revision ends with `last`."""
    folder = tmp_path / "versions"
    folder.mkdir()
    shipped = Path(migration.__file__).parent / "migrations" / "versions"
    configured = migration._config

    def config(connection: Connection) -> Config:
        made = configured(connection)
        made.set_main_option("version_locations", f"{shipped} {folder}")
        made.set_main_option("path_separator", "space")
        return made

    def publish(last: str = "pass") -> None:
        (folder / "0002_next.py").write_text(REVISION.format(last=last))
        monkeypatch.setattr(migration, "_config", config)
        for module in (migration, opening):
            monkeypatch.setattr(module, "SCHEMA_VERSION", 2)

    return publish


async def used(url: str) -> None:
    """A ledger that a run left in the middle: two records, one claim that was never settled."""
    ledger = open_ledger(url)
    scope = await ledger.open_scope(IDENTITY)
    writer = await acquired(ledger, scope, "run", lease_s=LONG_S)
    await ledger.commit(writer, Commit(report(), added=records(keys_of("1", "2"), fingerprint=7)))
    await claimed(ledger, writer, keys_of("3"))
    await ledger.close()


async def held(url: str) -> tuple[list[str], str]:
    """What the ledger knows of the job, and whose it is."""
    ledger = open_ledger(url)
    scope = await ledger.open_scope(IDENTITY)
    keys = (await ledger.details(scope, series(keys_of("1", "2", "3"))))["key"].to_list()
    await ledger.close()
    with opened(url) as db:
        assert not [finding for finding in check(db) if finding.severity == "damage"]
        return sorted(keys), db.query("SELECT ledger_id AS text FROM ponte_meta", (), TEXT).item()


async def test_all_that_was_in_it_is_there_afterwards(url: str, release: Callable[..., None]) -> None:
    await used(url)
    before = await held(url)
    release()

    after = await held(url)  # opening migrates

    assert after == before == (keys_of("1", "2"), before[1])
    with opened(url) as db:
        assert version(db) == (2, 1)
        assert db.query("SELECT note AS text FROM ponte_notes", (), TEXT)["text"].to_list() == [IDENTITY.job]
        assert db.query("SELECT CAST(COUNT(*) AS text) AS text FROM ponte_claims", (), TEXT).item() == "1"


async def test_code_of_the_version_before_goes_on_until_a_revision_ends_it(
    url: str, release: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    await used(url)
    release()
    assert migration.migrate(url) == (1, 2)
    monkeypatch.setattr(opening, "SCHEMA_VERSION", 1)

    known, _ = await held(url)
    db = connect(url)
    with db.transaction():
        db.execute("UPDATE ponte_meta SET min_reader = 2")
    db.close()

    assert known == keys_of("1", "2")
    with pytest.raises(StateError, match="install a newer"):
        open_ledger(url)


async def test_a_revision_that_fails_half_way_leaves_the_ledger_as_it_was(
    url: str, release: Callable[..., None]
) -> None:
    await used(url)
    before = await held(url)
    release(last='op.execute("INSERT INTO no_such_table VALUES (1)")')

    with pytest.raises(PonteError, match="it is as it was"):
        open_ledger(url)

    db = connect(url)
    assert version(db) == (1, 1)
    assert db.query("SELECT ledger_id AS text FROM ponte_meta", (), TEXT).item() == before[1]
    with pytest.raises(PonteError):
        db.query("SELECT note AS text FROM ponte_notes", (), TEXT)
    db.close()


async def test_processes_that_open_it_at_once_migrate_it_once(url: str, release: Callable[..., None]) -> None:
    await used(url)
    release()
    faults: list[BaseException] = []

    def go() -> None:
        try:
            with opened(url) as db:
                assert version(db) == (2, 1)
        except BaseException as fault:  # noqa: BLE001 - told by the test
            faults.append(fault)

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    with opened(url) as db:
        assert db.query("SELECT note AS text FROM ponte_notes", (), TEXT).height == 1
