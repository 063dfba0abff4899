"""One entrant of the ODBC bench, in a process of its own: reads or writes all articles once, and tells what it took.

python odbc_entrant.py ENTRANT WORK COUNTED PLACE

COUNTED is `whole`: nothing is loaded before, and the process is measured from outside; or `rows`: the driver has been
loaded and has connected and asked for one value, all by the same way, before the clock starts. Either way the work ends
with Polars frames of all rows, or begins with one. PLACE is JSON: `driver`, `options`, `frame` (a file of articles).
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import polars as pl

    from ponte.engine.ports import System
    from ponte_api.common import Secret, Setting

BATCH = 25_000
ALL = "SELECT * FROM articles ORDER BY id"


def _login(place: dict[str, Any]) -> str:
    options = ";".join(f"{name}={value}" for name, value in place["options"].items())
    return f"DRIVER={{{place['driver']}}};{options};UID={place['user']}"


class Values:
    """References that stand for themselves: those of a run load what reads manifests, which is no part of this work."""

    def setting(self, setting: Setting, what: str) -> str:
        """The value."""
        assert setting.value is not None
        return setting.value

    def secret(self, secret: Secret, what: str) -> NoReturn:
        """There is none."""
        raise AssertionError


class Now:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class Ponte:
    """The connector alone: exact types in, upserts in transactions of 25,000 out. A run has an engine besides."""

    def __init__(self, place: dict[str, Any]) -> None:
        self._place, self._loop = place, asyncio.new_event_loop()
        self._system = self._connected("articles")

    def _connected(self, table: str) -> System:
        from ponte.connectors.registry import connect  # noqa: PLC0415 - each entrant loads what it needs
        from ponte_api.sync_source import SyncSource  # noqa: PLC0415 - as above

        options = [{"name": name, "value": value} for name, value in self._place["options"].items()]
        odbc = {"driver": self._place["driver"], "options": options, "username": {"value": self._place["user"]}}
        objects = [{"name": name, "table": name, "key": ["id"]} for name in ("articles", "copies")]
        source = {"apiVersion": "ponte.dev/v1alpha1", "kind": "SyncSource", "metadata": {"name": "erp"}}
        spec = {"odbc": odbc, "objects": objects}
        return connect(SyncSource.model_validate({**source, "spec": spec}), Values(), Now())

    def warm(self) -> None:
        """Connects, looks at the table, and leaves the connection."""
        self._loop.run_until_complete(self._warm())

    async def _warm(self) -> None:
        target = self._system.target("copies")
        await target.ready()
        await target.close()

    def read(self) -> int:
        """All, in the order of the key."""
        return self._loop.run_until_complete(self._read())

    async def _read(self) -> int:
        from ponte.engine.ports import Read  # noqa: PLC0415 - as above

        frames = []
        async for batch in self._system.source("articles").read(Read("all", BATCH)):
            assert batch.faults is None
            frames.append(batch.frame)
        return sum(frame.height for frame in frames)

    def write(self, frame: pl.DataFrame) -> int:
        """All, by their key."""
        return self._loop.run_until_complete(self._write(frame))

    async def _write(self, frame: pl.DataFrame) -> int:
        import polars as pl  # noqa: PLC0415 - as above

        from ponte.engine.ports import Delivery  # noqa: PLC0415 - as above

        count, target = 0, self._system.target("copies")
        for piece in frame.iter_slices(BATCH):
            unset = pl.Series([None] * piece.height, dtype=pl.String)
            answers = await target.deliver(Delivery("create", piece, ("id",), unset, unset))
            count += answers.filter(pl.col("outcome") == "done").height
        return count

    def close(self) -> None:
        """Gives the connection back."""
        self._loop.run_until_complete(self._system.close())
        self._loop.close()


class ArrowOdbc:
    """Bare: columns as the driver has them; a price that is written has to be a float for it; plain inserts."""

    def __init__(self, place: dict[str, Any]) -> None:
        self._login = _login(place)

    def warm(self) -> None:
        """Connects, and asks for one value."""
        import arrow_odbc  # noqa: PLC0415 - each entrant loads what it needs
        import polars as pl  # noqa: PLC0415 - as above

        reader = arrow_odbc.connect(self._login).read_arrow_batches("SELECT 1 AS one")
        assert [pl.from_arrow(batch).height for batch in reader] == [1]  # type: ignore[union-attr]  # a frame

    def read(self) -> int:
        """All, in the order of the key."""
        import arrow_odbc  # noqa: PLC0415 - as above
        import polars as pl  # noqa: PLC0415 - as above

        reader = arrow_odbc.connect(self._login).read_arrow_batches(ALL, batch_size=BATCH, max_text_size=256)
        return len(pl.concat(pl.DataFrame(batch) for batch in reader))

    def write(self, frame: pl.DataFrame) -> int:
        """All."""
        import arrow_odbc  # noqa: PLC0415 - as above
        import polars as pl  # noqa: PLC0415 - as above

        connection = arrow_odbc.connect(self._login, autocommit=False)
        for piece in frame.with_columns(pl.col("price").cast(pl.Float64)).iter_slices(BATCH):
            connection.from_table_to_db(piece.to_arrow(compat_level=pl.CompatLevel.oldest()), "copies")
            connection.commit()
        return frame.height

    def close(self) -> None:
        """Connections end by themselves."""


class Pyodbc:
    """Bare: rows, ten thousand at a time; plain inserts by fast_executemany.

    It has to be told the types: by itself it reserves for each text as much as the driver says that one may take, which
    with MariaDB ends as MemoryError at a thousand rows, and drops fractions of seconds.
    """

    def __init__(self, place: dict[str, Any]) -> None:
        self._login = _login(place)

    def warm(self) -> None:
        """Connects, and asks for one value."""
        import polars as pl  # noqa: PLC0415 - each entrant loads what it needs
        import pyodbc  # noqa: PLC0415 - as above

        rows = pyodbc.connect(self._login).execute("SELECT 1").fetchall()
        assert pl.DataFrame([tuple(row) for row in rows], orient="row").height == 1

    def read(self) -> int:
        """All, in the order of the key."""
        import polars as pl  # noqa: PLC0415 - as above
        import pyodbc  # noqa: PLC0415 - as above

        cursor = pyodbc.connect(self._login).execute(ALL)
        names, frames = [column[0] for column in cursor.description], []
        while rows := cursor.fetchmany(10_000):
            frames.append(pl.DataFrame([tuple(row) for row in rows], schema=names, orient="row"))
        return sum(frame.height for frame in frames)

    def write(self, frame: pl.DataFrame) -> int:
        """All."""
        import pyodbc  # noqa: PLC0415 - as above

        connection = pyodbc.connect(self._login)
        texts = [(pyodbc.SQL_VARCHAR, width, 0) for width in (20, 100)]
        number, time = (pyodbc.SQL_NUMERIC, 12, 2), (pyodbc.SQL_TYPE_TIMESTAMP, 26, 6)
        for piece in frame.iter_slices(BATCH):
            cursor = connection.cursor()
            cursor.fast_executemany = True
            cursor.setinputsizes([(pyodbc.SQL_BIGINT, 0, 0), *texts, number, (pyodbc.SQL_INTEGER, 0, 0), time])
            cursor.executemany("INSERT INTO copies VALUES (?, ?, ?, ?, ?, ?)", piece.rows())
            connection.commit()
        return frame.height

    def close(self) -> None:
        """Connections end by themselves."""


ENTRANTS = {"ponte": Ponte, "arrow-odbc": ArrowOdbc, "pyodbc": Pyodbc}


def cpu_seconds() -> float:
    """Of this process and of those that it has started."""
    import psutil  # noqa: PLC0415 - only where rows are counted

    times = [own.cpu_times() for own in (psutil.Process(), *psutil.Process().children(recursive=True))]
    return sum(own.user + own.system for own in times)


def main() -> None:
    """Does the work, and prints how many rows it was; and seconds of the work alone, by the clock and of processors."""
    gc.set_threshold(20_000)  # as in the command `ponte`; good for all entrants
    name, work, counted, told = sys.argv[1:]
    place = json.loads(Path(told).read_text())
    entrant, frame = ENTRANTS[name](place), None
    if work == "write":
        import polars as pl  # noqa: PLC0415 - as above

        frame = pl.read_ipc(place["frame"])
    if counted == "rows":
        entrant.warm()
    cpu, begun = cpu_seconds() if counted == "rows" else 0.0, time.perf_counter()
    count = entrant.read() if frame is None else entrant.write(frame)
    wall = time.perf_counter() - begun
    cpu = (cpu_seconds() if counted == "rows" else 0.0) - cpu
    entrant.close()
    sys.stdout.write(json.dumps({"rows": count, "wall_s": wall, "cpu_s": cpu}))
    gc.freeze()  # as above: what is alive need not be searched for cycles at the end


if __name__ == "__main__":
    main()
