"""Whole jobs from files that others drop: a file goes only when every record of it is safe, whatever comes between."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from ponte.manifests import load
from ponte.manifests.references import References
from ponte.runtime import RunRequest, Runtime

MANIFESTS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  files: {path: {value: "%(folder)s"}}
  objects:
  - name: articles
    path: "in/a_*.csv"
    csv: {}
    key: [sku]
    incoming: {pick: %(pick)s, orderBy: name, whenNone: %(none)s, whenDone: {moveTo: done}}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: shop}
spec:
  files: {path: {value: "%(folder)s"}}
  objects: [{name: products, path: shop.csv, csv: {}, key: [sku]}]
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: product}
spec:
  key: [sku]
  fields: [{to: sku, from: sku}, {to: price, from: price, type: "decimal(9,2)"}]
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: products}
spec:
  source: {name: erp, object: articles}
  target: {name: shop, object: products}
  mapping: product
  deletes: {policy: %(deletes)s}
"""
Make = Callable[..., Runtime]


class PowerCut(BaseException):
    """The machine stops here."""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_one(pick: str = "all", none: str = "nothing", deletes: str = "ignore", ledger: str = "") -> Runtime:
        told = {"folder": tmp_path, "pick": pick, "none": none, "deletes": deletes}
        (tmp_path / "jobs.yaml").write_text(MANIFESTS.lstrip() % told)
        manifests = load([tmp_path / "jobs.yaml"])
        assert [fault.message for fault in manifests.faults] == []
        return Runtime(manifests, References(environment={}), ledger or f"sqlite:///{tmp_path}/ledger.db")

    return make_one


def put(folder: Path, name: str, *rows: str) -> None:
    (folder / "in").mkdir(exist_ok=True)
    (folder / "in" / name).write_text("sku,price\n" + "".join(f"{row}\n" for row in rows))


def shop(folder: Path) -> dict[str, str]:
    with (folder / "shop.csv").open(newline="") as file:
        return {row["sku"]: row["price"] for row in csv.DictReader(file)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_file_is_moved_when_all_of_it_is_delivered_and_a_plan_moves_nothing(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a_1.csv", "1,10.00", "2,20.00")

    await make().plan(RunRequest("products"))
    assert names(tmp_path / "in") == ["a_1.csv"]

    result = await make().run(RunRequest("products"))

    assert (result.phase, result.notes) == ("Succeeded", [])
    assert (names(tmp_path / "in"), names(tmp_path / "done")) == ([], ["a_1.csv"])
    assert shop(tmp_path) == {"1": "10.00", "2": "20.00"}


async def test_deltas_follow_each_other_and_with_none_there_is_nothing_to_do(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a_1.csv", "1,10.00", "2,20.00")
    put(tmp_path, "a_2.csv", "1,11.00")
    runtime = make("oldest")

    phases = [(await runtime.run(RunRequest("products"))).phase for _ in range(3)]

    assert phases == ["Succeeded"] * 3
    assert shop(tmp_path) == {"1": "11.00", "2": "20.00"}
    assert names(tmp_path / "done") == ["a_1.csv", "a_2.csv"]


@pytest.mark.parametrize("row", ["2,free", "2,20.00,more", "1,30.00"], ids=["map", "extract", "twice"])
async def test_a_file_with_a_reject_stays_until_it_is_mended(make: Make, tmp_path: Path, row: str) -> None:
    put(tmp_path, "a_1.csv", "1,10.00", row)
    runtime = make()

    result = await runtime.run(RunRequest("products"))

    (note,) = [note for note in result.notes if note.startswith("FilesStay: ")]
    assert "in/a_1.csv is kept" in note
    assert names(tmp_path / "in") == ["a_1.csv"]

    put(tmp_path, "a_1.csv", "1,10.00", "2,20.00")
    assert (await runtime.run(RunRequest("products"))).phase == "Succeeded"
    assert names(tmp_path / "done") == ["a_1.csv"]


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
@pytest.mark.parametrize("point", ["finish.after", "acknowledge.before", "acknowledge.after"])
async def test_a_crash_at_the_end_loses_nothing_and_doubles_nothing(
    make: Make, tmp_path: Path, point: str, on: str, request: pytest.FixtureRequest
) -> None:
    ledger = request.getfixturevalue("postgres_url") if on == "postgresql" else f"sqlite:///{tmp_path}/ledger.db"
    put(tmp_path, "a_1.csv", "1,10.00", "2,20.00")
    runtime = make(ledger=ledger)

    async def cut(name: str) -> None:
        if name == point:
            raise PowerCut

    runtime.failpoint = cut
    with pytest.raises(PowerCut):
        await runtime.run(RunRequest("products"))
    is_moved = point == "acknowledge.after"
    assert names(tmp_path / "in") == ([] if is_moved else ["a_1.csv"])

    again = make(ledger=ledger)
    result = await again.run(RunRequest("products"))

    assert (result.account.unchanged, result.account.created) == (0 if is_moved else 2, 0)
    assert (names(tmp_path / "in"), names(tmp_path / "done")) == ([], ["a_1.csv"])
    assert shop(tmp_path) == {"1": "10.00", "2": "20.00"}


async def test_a_file_that_cannot_be_moved_is_told_and_read_again(make: Make, tmp_path: Path) -> None:
    put(tmp_path, "a_1.csv", "1,10.00")
    (tmp_path / "done").write_text("a file where the folder should be")
    runtime = make()

    result = await runtime.run(RunRequest("products"))

    assert result.phase == "Succeeded"
    assert len(result.notes) == 1
    assert "done" in result.notes[0]
    assert "read again" in result.notes[0]
    assert (await runtime.run(RunRequest("products"))).account.unchanged == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pick": "newest"}, "may have no file"),
        ({"pick": "oldest", "none": "fail"}, "hold a part of the records each"),
        ({"pick": "all", "none": "fail"}, "hold a part of the records each"),
    ],
)
def test_files_that_hold_a_part_never_delete(make: Make, options: dict[str, str], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        make(**options, deletes="delete")


async def test_the_newest_whole_file_may_delete(make: Make, tmp_path: Path) -> None:
    runtime = make("newest", "fail", "delete")
    put(tmp_path, "a_1.csv", "1,10.00", "2,20.00")
    await runtime.run(RunRequest("products"))
    put(tmp_path, "a_2.csv", "2,20.00")

    result = await runtime.run(RunRequest("products"))

    assert result.account.deleted == 1
    assert shop(tmp_path) == {"2": "20.00"}
    assert names(tmp_path / "done") == ["a_1.csv", "a_2.csv"]
