"""A ledger as a file that any Ponte reads, from either database into either: `ponte ledger export|import`.

JSON Lines. The first line says what it is; then, for each table, a line that names it and one line per row; the last
line has the SHA-256 of all before it, so that half a file is never taken for a whole one. Bytes are base64. Leases are
left behind and claims are in doubt after an import, for whoever had them worked on the other ledger.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from ponte.errors import StateError, UsageError
from ponte.ledger.backup import new_file
from ponte.ledger.database import Database
from ponte.ledger.opening import SCHEMA_VERSION
from ponte.ledger.stored import count

FORMAT = 1
_ROWS = 50_000
_TRAILER = b'{"sha256":'
_META = "ponte_meta"


def tables() -> dict[str, pl.Schema]:
    """All tables of a ledger with the Polars types of their columns; the first one says which ledger it is."""
    from sqlalchemy import BigInteger, LargeBinary, SmallInteger, Text  # noqa: PLC0415 - not for a run
    from sqlalchemy.types import TypeEngine  # noqa: PLC0415 - not for a run

    from ponte.ledger.tables import metadata  # noqa: PLC0415 - not for a run: it loads SQLAlchemy

    def dtype(column: TypeEngine[Any]) -> pl.DataType:
        if isinstance(column, Text):
            return pl.String()
        if isinstance(column, LargeBinary):
            return pl.Binary()
        if isinstance(column, SmallInteger):
            return pl.Int16()
        return pl.Int64() if isinstance(column, BigInteger) else pl.Int32()

    found = {
        table.name: pl.Schema([(column.name, dtype(column.type)) for column in table.columns])
        for table in metadata.sorted_tables
    }
    return {_META: found.pop(_META), **found}


@dataclass(slots=True)
class _Summed:
    """A file that knows the SHA-256 of what went through it."""

    file: IO[bytes]
    sum: Any

    def write(self, data: bytes) -> None:
        self.sum.update(data)
        self.file.write(data)


def export_ledger(db: Database, file: Path) -> int:
    """Writes the whole ledger as it is at one moment.

    Returns:
        the number of rows.

    Raises:
        UsageError: the file is there already.
        ConfigurationError: it cannot be written; no file is left then.
    """
    rows = 0
    with new_file(file) as part, part.open("wb") as opened, db.reading():
        if db.kind == "postgresql":
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        out = _Summed(opened, hashlib.sha256())
        out.write(_line({"ponteLedger": FORMAT, "schemaVersion": SCHEMA_VERSION}))
        for name, schema in tables().items():
            out.write(_line({"table": name}))
            for frame in db.stream(f"SELECT {', '.join(schema)} FROM {name}", (), schema):
                buffer = io.BytesIO()
                _as_text(frame).write_ndjson(buffer)
                out.write(buffer.getvalue())
                rows += frame.height
        opened.write(_line({"sha256": out.sum.hexdigest(), "rows": rows}))
    return rows


def import_ledger(db: Database, file: Path) -> int:
    """Fills an empty ledger from an export, whole or not at all.

    Returns:
        the number of rows.

    Raises:
        UsageError: there is no such file, or the ledger is not empty.
        StateError: the file is torn, changed, no export, or of a newer version; nothing was written.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}. Next: name one that `ponte ledger export` wrote.")
    with file.open("rb") as opened, db.transaction():
        if count(db, "SELECT COUNT(*) AS n FROM ponte_scopes"):
            raise UsageError(
                "This ledger is not empty, and an import never mixes two. Next: name a new one by --ledger "
                "sqlite:///PATH"
            )
        rows = _fill(db, opened, file)
        db.execute("UPDATE ponte_scopes SET lease_epoch = NULL, lease_holder = NULL, lease_until = NULL")
        db.execute("UPDATE ponte_claims SET live_until = 0")
        if db.kind == "postgresql":
            _continue_numbers(db)
    return rows


def _fill(db: Database, opened: IO[bytes], file: Path) -> int:
    known = tables()
    _check_head(opened.readline(), file)
    opened.seek(0)
    db.execute("DELETE FROM ponte_meta")
    rows = 0
    for name, lines in _batches(opened, file):
        if name not in known:
            raise _refused(file, f"it has a table {name[:64]!r} that this Ponte does not know")
        db.append(name, _frame(lines, known[name], file))
        rows += len(lines)
    return rows


def _check_head(line: bytes, file: Path) -> None:
    head = _parsed(line, file)
    if head.get("ponteLedger") != FORMAT:
        raise _refused(file, "it is no export of a ledger, or one of a format that this Ponte does not know")
    if head.get("schemaVersion") != SCHEMA_VERSION:
        raise _refused(
            file, f"its tables have version {head.get('schemaVersion')}, those of this Ponte {SCHEMA_VERSION}"
        )


def _batches(opened: IO[bytes], file: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Tables and rows, in the order of the file; raises at the end where the sum is missing or wrong."""
    total, name, rows, lines, is_whole = hashlib.sha256(), "", 0, list[bytes](), False
    for line in opened:
        if line.startswith(_TRAILER):
            trailer = _parsed(line, file)
            is_whole = trailer == {"sha256": total.hexdigest(), "rows": rows} and not opened.read(1)
            break
        total.update(line)
        if line.startswith((b'{"table":', b'{"ponteLedger":')):
            if lines:
                yield name, lines
            name, lines = _parsed(line, file).get("table", ""), []
            continue
        rows += 1
        lines.append(line)
        if len(lines) == _ROWS:
            yield name, lines
            lines = []
    if not is_whole:
        raise _refused(file, "its end is missing, or it was changed after it was written")
    if lines:
        yield name, lines


def _frame(lines: list[bytes], schema: pl.Schema, file: Path) -> pl.DataFrame:
    text = pl.Schema([(name, pl.String() if dtype == pl.Binary else dtype) for name, dtype in schema.items()])
    rows = [_parsed(line, file) for line in lines]
    if any(row.keys() != schema.keys() for row in rows):
        raise _refused(file, "a row has not the columns of its table")
    try:
        frame = pl.DataFrame([tuple(row[name] for name in schema) for row in rows], schema=text, orient="row")
        return frame.select(
            pl.col(name).str.decode("base64") if dtype == pl.Binary else pl.col(name) for name, dtype in schema.items()
        )
    except (pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise _refused(file, "a row has values of another kind than its columns") from error


def _as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col(name).bin.encode("base64") for name, dtype in frame.schema.items() if dtype == pl.Binary
    )


def _continue_numbers(db: Database) -> None:
    """New scopes and claims get numbers above those that came in."""
    db.execute("SELECT setval('ponte_scopes_id_seq', (SELECT COALESCE(MAX(id), 0) + 1 FROM ponte_scopes), false)")
    db.execute("SELECT setval('ponte_claims_id_seq', (SELECT COALESCE(MAX(id), 0) + 1 FROM ponte_claims), false)")


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes, file: Path) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise _refused(file, "a line cannot be read") from error
    if not isinstance(value, dict):
        raise _refused(file, "a line cannot be read")
    return value


def _refused(file: Path, why: str) -> StateError:
    return StateError(
        f"{file} cannot be imported: {why}. Nothing was written. Next: take another copy of it, or export anew.",
        reason="ExportDamaged",
    )
