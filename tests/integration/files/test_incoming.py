"""Files that others drop: which are read, when they are complete, and that none is put away before it is safe."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ponte.engine.ports import Read, System
from ponte.errors import ConfigurationError, TransientError

Make = Callable[..., System]
NOW = 1_795_392_000.0  # 2026-11-23, what the clock says


def put(folder: Path, name: str, *skus: str, age: float = 3600) -> Path:
    """A CSV file that was last changed so many seconds ago."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("sku\n" + "".join(f"{sku}\n" for sku in skus))
    os.utime(path, (NOW - age, NOW - age))
    return path


def incoming(pick: str, path: str = "a_*.csv", **options: Any) -> dict[str, Any]:
    fields = [{"name": "sku", "type": "string"}]
    return {"path": path, "csv": {}, "key": ["sku"], "fields": fields, "incoming": {"pick": pick, **options}}


async def read(system: System) -> list[str]:
    source = system.source("a")
    batches = [batch async for batch in source.read(Read("all", 100))]
    assert batches[-1].is_last
    return [sku for batch in batches for sku in batch.frame["sku"]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("pick", "order", "expected"),
    [
        ("newest", "modified", ["2"]),
        ("newest", "name", ["3"]),
        ("oldest", "modified", ["3"]),
        ("oldest", "name", ["1"]),
        ("all", "modified", ["3", "1", "2"]),
        ("all", "name", ["1", "2", "3"]),
    ],
)
async def test_files_are_picked_in_the_declared_order(
    drop: Path, make_system: Make, pick: str, order: str, expected: list[str]
) -> None:
    put(drop, "a_1.csv", "1", age=200)
    put(drop, "a_2.csv", "2", age=100)
    put(drop, "a_3.csv", "3", age=300)
    put(drop, "b_4.csv", "4", age=1)

    assert await read(make_system(**incoming(pick, orderBy=order))) == expected


async def test_files_on_their_way_and_hidden_ones_never_match(drop: Path, make_system: Make) -> None:
    for name in ("1.csv.part", "2.csv.TMP", "3.csv.filepart", ".4.csv", "~$5.csv", "6.csv~", "7.csv.crdownload"):
        put(drop, name, "no")
    put(drop, "8.csv", "8")
    (drop / "9.csv").mkdir()

    assert await read(make_system(**incoming("all", "*"))) == ["8"]


async def test_brackets_and_a_path_without_wildcards_are_names(drop: Path, make_system: Make) -> None:
    put(drop, "a[1].csv", "1")
    put(drop, "a1.csv", "2")

    assert await read(make_system(**incoming("all", "a[1].csv"))) == ["1"]


@pytest.mark.parametrize("pick", ["newest", "oldest", "all"])
async def test_no_file_is_an_error_unless_there_need_be_none(drop: Path, make_system: Make, pick: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no file matches a_\*.csv") as caught:
        await read(make_system(**incoming(pick)))
    assert caught.value.reason == "FileMissing"

    assert await read(make_system(**incoming(pick, whenNone="nothing"))) == []


async def test_a_file_that_just_changed_is_waited_for_no_longer_than_needed(
    drop: Path, make_system: Make, clock: Any
) -> None:
    put(drop, "a_1.csv", "1", age=4)
    put(drop, "a_0.csv", "0", age=1)

    assert await read(make_system(**incoming("oldest", settle="10s"))) == ["1"]
    assert clock.waits == [6.0]


async def test_a_file_that_is_old_enough_is_not_waited_for(drop: Path, make_system: Make, clock: Any) -> None:
    put(drop, "a_1.csv", "1", age=10)

    assert await read(make_system(**incoming("all", settle="10s"))) == ["1"]
    assert clock.waits == []


async def test_a_file_of_the_future_is_watched_for_the_whole_time(drop: Path, make_system: Make, clock: Any) -> None:
    put(drop, "a_1.csv", "1", age=-86400)

    assert await read(make_system(**incoming("all", settle="10s"))) == ["1"]
    assert clock.waits == [10.0]


async def test_a_file_that_grows_meanwhile_is_left_alone(drop: Path, make_system: Make, clock: Any) -> None:
    put(drop, "a_1.csv", "1", age=100)
    put(drop, "a_2.csv", "2", age=1)
    clock.meanwhile = lambda: put(drop, "a_2.csv", "2", "3", age=-1)

    assert await read(make_system(**incoming("newest", settle="10s"))) == ["1"]


async def test_a_whole_of_which_a_part_is_being_written_is_not_read(drop: Path, make_system: Make, clock: Any) -> None:
    put(drop, "a_1.csv", "1", age=1)
    put(drop, "a_2.csv", "2", age=100)
    clock.meanwhile = lambda: put(drop, "a_1.csv", "1", "3", age=-1)

    with pytest.raises(TransientError, match=r"a_1\.csv not complete yet"):
        await read(make_system(**incoming("all", settle="10s")))


async def test_nothing_behind_an_incomplete_file_of_a_queue_is_read(drop: Path, make_system: Make) -> None:
    for number in (1, 2, 3):
        put(drop, f"a_{number}.csv", f"{number}")
    put(drop, "a_1.csv.ok", age=0)
    put(drop, "a_3.csv.ok", age=0)
    options = {"orderBy": "name", "ready": "{name}.ok", "whenDone": {"moveTo": "done"}}

    assert await read(make_system(**incoming("all", "*", **options))) == ["1"]


async def test_a_file_is_complete_when_its_second_file_is_there_and_not_before(drop: Path, make_system: Make) -> None:
    put(drop, "a_1.csv", "1", age=100)
    system = make_system(**incoming("oldest", ready="ok.{name}"))
    with pytest.raises(TransientError, match="not complete yet") as caught:
        await read(system)
    assert caught.value.reason == "FileIncomplete"

    put(drop, "ok.a_1.csv", age=200)  # left over from an earlier file of this name
    with pytest.raises(TransientError):
        await read(system)

    put(drop, "ok.a_1.csv", age=100)
    assert await read(system) == ["1"]


async def test_rejects_are_named_by_their_file(drop: Path, make_system: Make) -> None:
    put(drop, "a_1.csv", "1,2")
    put(drop, "a_2.csv", "3,4")

    source = make_system(**incoming("all")).source("a")
    found = [item async for batch in source.read(Read("all", 100)) for item in batch.unreadable]

    assert [item.position for item in found] == ["a_1.csv line 2", "a_2.csv line 2"]
    assert found[1].message.startswith("a_2.csv, line 2: 2 fields")


async def test_files_read_as_one_have_the_same_fields_in_any_order(drop: Path, make_system: Make) -> None:
    (drop / "a_1.csv").write_text("sku,n\n1,x\n")
    (drop / "a_2.csv").write_text("n,sku\ny,2\n")
    system = make_system(**incoming("all", orderBy="name"))

    assert await read(system) == ["1", "2"]

    (drop / "a_3.csv").write_text("sku,n,more\n3,z,!\n")
    with pytest.raises(ConfigurationError, match="has other fields than the files before it: more"):
        await read(system)


@pytest.mark.parametrize("kind", ["link", "pipe", "line break"])
async def test_what_is_no_file_of_the_folder_is_refused(
    drop: Path, make_system: Make, tmp_path: Path, kind: str
) -> None:
    put(drop, "a_1.csv", "1")
    if kind == "link":
        put(tmp_path, "secret.csv", "x")
        (drop / "a_2.csv").symlink_to(tmp_path / "secret.csv")
    elif kind == "pipe":
        os.mkfifo(drop / "a_2.csv")
    else:
        put(drop, "a_\n2.csv", "x")

    with pytest.raises(ConfigurationError) as caught:
        await read(make_system(**incoming("all")))

    assert caught.value.reason == {"link": "PathOutside", "pipe": "NotAFile", "line break": "InvalidPath"}[kind]


async def test_done_files_are_moved_and_never_over_another(drop: Path, make_system: Make) -> None:
    put(drop / "done", "a_1.csv", "old")
    put(drop / "done", "a_1.2.csv", "older")
    put(drop, "a_1.csv", "1")
    put(drop, "a_1.csv.ok", age=0)
    put(drop, "a_2.csv.gz", "2")
    put(drop, "a_2.csv.gz.ok", age=0)
    source = make_system(**incoming("all", "a_*", ready="{name}.ok", whenDone={"moveTo": "done"})).source("a")
    [batch async for batch in source.read(Read("all", 100))]

    assert await source.acknowledge() is None

    assert names(drop) == []
    assert names(drop / "done") == ["a_1.2.csv", "a_1.3.csv", "a_1.csv", "a_1.csv.ok", "a_2.csv.gz", "a_2.csv.gz.ok"]
    assert (drop / "done" / "a_1.csv").read_text() == "sku\nold\n"
    assert (drop / "done" / "a_1.3.csv").read_text() == "sku\n1\n"


async def test_a_file_that_came_under_the_same_name_meanwhile_stays(drop: Path, make_system: Make) -> None:
    put(drop, "a_1.csv", "1")
    source = make_system(**incoming("all", whenDone={"moveTo": "done"})).source("a")
    [batch async for batch in source.read(Read("all", 100))]
    put(drop, "a_1.csv", "2", age=0)

    assert await source.acknowledge() == "FileChanged: a_1.csv changed since and stays"

    assert names(drop) == ["a_1.csv"]


async def test_older_files_go_with_the_newest_and_a_later_one_stays(drop: Path, make_system: Make) -> None:
    put(drop, "a_1.csv", "1", age=300)
    put(drop, "a_2.csv", "2", age=200)
    source = make_system(**incoming("newest", whenDone={"moveTo": "done"})).source("a")
    [batch async for batch in source.read(Read("all", 100))]
    put(drop, "a_3.csv", "3", age=100)

    await source.acknowledge()

    assert (names(drop), names(drop / "done")) == (["a_3.csv"], ["a_1.csv", "a_2.csv"])


async def test_single_records_and_broken_readings_put_nothing_away(drop: Path, make_system: Make) -> None:
    put(drop, "a_1.csv", "1", "2", "3")
    source = make_system(**incoming("all", whenDone={"moveTo": "done"})).source("a")
    [batch async for batch in source.read(Read("keys", 100, keys=pl.DataFrame({"sku": ["1"]})))]
    beginning = source.read(Read("all", 1))
    await anext(beginning)
    await beginning.aclose()

    await source.acknowledge()

    assert names(drop) == ["a_1.csv"]


@pytest.mark.parametrize("folder", ["../out", "/tmp/out", "x\ny"])
async def test_files_are_moved_only_below_the_folder(drop: Path, make_system: Make, folder: str) -> None:
    put(drop, "a_1.csv", "1")
    source = make_system(**incoming("all", whenDone={"moveTo": folder})).source("a")
    [batch async for batch in source.read(Read("all", 100))]

    with pytest.raises(ConfigurationError):
        await source.acknowledge()
    assert names(drop) == ["a_1.csv"]


async def test_a_move_to_where_files_arrive_and_a_target_of_incoming_files_are_refused(make_system: Make) -> None:
    with pytest.raises(ConfigurationError, match="Next: name another one"):
        make_system(**incoming("all", "in/*.csv", whenDone={"moveTo": "in/"})).source("a")
    with pytest.raises(ConfigurationError, match="only read"):
        make_system(**incoming("newest")).target("a")
