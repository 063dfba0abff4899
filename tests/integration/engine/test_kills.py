"""Every failpoint once per ledger, and a score of random kills: after recovery all is as if nothing had happened."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.points import BURYING, DOUBTFUL, FIRST, PUTTING_AWAY, SECOND, STOPPING, named_in
from faults.theatre import Nursery, Theatre, play, replay_command

pytestmark = pytest.mark.needs("postgresql")

Open = Callable[[str, str], Theatre]


def test_each_failpoint_of_the_engine_is_among_these(repository: Path) -> None:
    named = named_in(repository / "runner" / "ponte" / "engine")

    assert named == {*FIRST, *SECOND, *DOUBTFUL, *PUTTING_AWAY, *BURYING, *STOPPING}
    assert all(
        name.replace(".before", ".after") in named and name.replace(".after", ".before") in named for name in named
    )


@pytest.mark.parametrize(
    ("ledger", "kind"), [("sqlite", "sqlite"), ("postgresql", "sqlite")], ids=["sqlite-sqlite", "postgresql-sqlite"]
)
@pytest.mark.parametrize("point", FIRST)
def test_a_first_load_killed_at_a_failpoint(theatre: Open, ledger: str, kind: str, point: str) -> None:
    opened = theatre(ledger, kind)
    opened.fill(random.Random(1))

    assert opened.run(trap=f"{point}:1:kill") == -9
    opened.recover()

    opened.judge()


@pytest.mark.parametrize(
    ("ledger", "kind"), [("sqlite", "rest-upsert"), ("postgresql", "postgresql")], ids=["sqlite-rest", "postgresql-sql"]
)
@pytest.mark.parametrize("point", SECOND)
def test_a_later_run_killed_at_a_failpoint(theatre: Open, ledger: str, kind: str, point: str) -> None:
    opened = theatre(ledger, kind)
    opened.fill(random.Random(2))
    opened.recover()
    opened.edit(random.Random(3))
    opened.sql("DELETE FROM articles WHERE title IS NULL")
    opened.sql("UPDATE articles SET web = 'N' WHERE code = '00030'")
    if point.startswith("mapping"):
        opened.mapped_kind = "other"

    assert opened.run(trap=f"{point}:1:kill") == -9
    opened.recover()

    opened.judge()


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
@pytest.mark.parametrize("point", DOUBTFUL)
def test_a_recovering_run_killed_at_a_failpoint(theatre: Open, ledger: str, point: str) -> None:
    opened = theatre(ledger, "rest")
    opened.fill(random.Random(4))
    assert opened.run(trap="deliver.after:1:kill") == -9
    opened.sql("UPDATE articles SET title = NULL WHERE code < '00004'")

    assert opened.run(trap=f"{point}:1:kill") == -9
    opened.recover()

    opened.sql("UPDATE articles SET title = 'mended' WHERE title IS NULL")
    opened.recover()
    opened.judge()
    opened.judge_stillness()


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
@pytest.mark.parametrize("point", BURYING)
def test_a_run_that_creates_anew_what_somebody_removed_killed_at_a_failpoint(
    theatre: Open, ledger: str, point: str
) -> None:
    opened = theatre(ledger, "rest-keys")
    opened.fill(random.Random(8))
    opened.recover()
    assert opened.shop is not None
    gone = next(iter(opened.shop.records.values()))["sku"]
    opened.shop.remove(gone)
    opened.sql("UPDATE articles SET title = 'again' WHERE code = ?", gone)

    assert opened.run(trap=f"{point}:1:kill") == -9
    opened.recover()

    opened.judge()


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
@pytest.mark.parametrize("point", STOPPING)
def test_a_run_that_stops_killed_at_a_failpoint(theatre: Open, ledger: str, point: str) -> None:
    opened = theatre(ledger, "sqlite")
    opened.fill(random.Random(5))
    opened.sql("UPDATE articles SET title = NULL WHERE code >= '00030'")
    opened.most_rejects = "20"

    assert opened.run(trap=f"{point}:1:kill") == -9
    opened.most_rejects = "100"
    opened.recover()

    opened.judge()


@pytest.mark.parametrize("seed", range(20))
def test_a_score_of_random_kills(theatre: Open, seed: int) -> None:
    ledger, kind = ("sqlite", "postgresql")[seed % 2], ("rest", "sqlite", "rest-upsert", "postgresql")[seed // 2 % 4]
    opened = theatre(ledger, kind)
    try:
        play(opened, seed)
        opened.judge()
    except AssertionError as error:
        raise AssertionError(f"{error}\nagain: {replay_command(ledger, kind, seed)}") from error


def test_a_lease_of_a_stranger_is_waited_out(theatre: Open) -> None:
    opened = theatre("sqlite", "sqlite")
    opened.fill(random.Random(6))
    strange = {"PONTE_TEST_STRANGERS": "1", "PONTE_TEST_LEASE_S": "2"}
    assert opened.run(trap="open.after:1:kill", **strange) == -9

    assert opened.run(**strange) == 75
    assert "JobIsRunning" in opened.said or "is running already" in opened.said
    assert opened.run("--overlap", "wait", **strange) == 0

    opened.judge()


def test_two_jobs_use_one_new_sqlite_ledger_at_the_same_time(theatre: Open, tmp_path: Path) -> None:
    opened = theatre("sqlite", "sqlite")
    opened.fill(random.Random(7))
    opened.write_manifests()
    manifest = (opened.folder / "integration" / "all.yaml").read_text()
    job = manifest[manifest.index("kind: SyncJob") :].replace("{name: items}", "{name: others}", 1)
    others = f"apiVersion: ponte.dev/v1alpha1\n{job}"
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "all.yaml").write_text(manifest)
    (folder / "others.yaml").write_text(others)
    codes: dict[str, int] = {}

    def start(name: str) -> None:
        nursery = Nursery()
        args = ["run", name, "-f", str(folder), "--ledger", opened.ledger]
        codes[name] = nursery.run(args, {}, tmp_path / f"{name}.txt")
        nursery.close()

    threads = [threading.Thread(target=start, args=(name,)) for name in ("items", "others")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    said = {name: (tmp_path / f"{name}.txt").read_text() for name in codes}
    assert codes == {"items": 0, "others": 0}, said
    assert {row[0] for row in opened.held()} == set(opened.model())
