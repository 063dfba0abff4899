"""Erasing a record's values from a ledger: `ponte erase KEY`.

What stays is a mark: an HMAC of the source key, keyed by a secret of this ledger. By it a record that the source still
has, or has again, is not taken for new: its claims are refused. Who has the whole ledger can still try whether a key
that he guesses was erased; he cannot read it. Backups and exports made before keep what they have.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ponte.engine.canonical import split_key
from ponte.engine.ledger_port import Scope
from ponte.errors import TransientError, UsageError
from ponte.ledger import claims, scopes
from ponte.ledger.database import Database
from ponte.ledger.sqlite import SqliteDatabase
from ponte.ledger.stored import scope_id, stored_keys

ERASED = "(erased)"
_SHORTEST = 3
"""Shorter values are in so many messages by chance that taking them out would only garble these."""

_KEY = pl.Schema({"erase_key": pl.String})
_SCOPE = pl.Schema(
    {
        "id": pl.Int64,
        "source_system": pl.String,
        "source_object": pl.String,
        "target_system": pl.String,
        "target_object": pl.String,
    }
)
_NAMED = pl.Schema({"key": pl.String, "natural_key": pl.String})
_CLAIM = pl.Schema({"id": pl.Int64, "live_until": pl.Int64, "keys": pl.Binary})
_PENDING = pl.Schema({"run": pl.String, "pending": pl.Binary})
_TEXTS = {"ponte_rejects": ("message", "faults"), "ponte_runs": ("result",)}
_ROW_IDS = {
    "ponte_rejects": pl.Schema({"scope": pl.Int64, "key": pl.String}),
    "ponte_runs": pl.Schema({"run": pl.String}),
}


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased: rows of each kind, and messages or reports in which the value stood."""

    records: int
    rejects: int
    ids: int
    claims: int
    messages: int


def erase(db: Database, key: str, job: str | None = None) -> Erased:
    """Removes a record's values everywhere in the ledger.

    Args:
        db: the ledger.
        key: its source key or natural key, as people write it: fields joined by a tab.
        job: name or state id of a job that the record went through: what other jobs know of the same object is erased
            too, and what has the same key in other objects is left alone. None: whatever has that key.

    Raises:
        UsageError: the ledger has nothing of that key.
        TransientError: the record is being delivered at this moment.
    """
    if isinstance(db, SqliteDatabase):
        db.execute("PRAGMA secure_delete = ON")
    with db.transaction():
        secret = db.query("SELECT erase_key FROM ponte_meta", (), _KEY).item()
        counts: Counter[str] = Counter()
        names: set[str] = set()
        for place, keys, naturals in _found(db, set(stored_keys([key])), job):
            counts += _erase_in(db, place, (keys, naturals), secret)
            names |= keys | naturals
        if counts.total() == 0:
            raise UsageError(
                "The ledger has nothing of that key. Next: look at how it is written; fields of a key "
                "of several are joined by a tab."
            )
        counts["messages"] = _erase_texts(db, names)
    _leave_no_trace(db)
    return Erased(**{field: counts[field] for field in ("records", "rejects", "ids", "claims", "messages")})


def _found(db: Database, forms: set[str], job: str | None) -> Iterator[tuple[_Place, set[str], set[str]]]:
    """Per scope, locked: source keys and natural keys of the record, followed from object to object to the last."""
    places = [_Place(*row) for row in db.query(f"SELECT {', '.join(_SCOPE)} FROM ponte_scopes", (), _SCOPE).iter_rows()]
    named: dict[tuple[str, str], set[str]] = {}
    if job is not None:
        first = scope_id(db, job)
        places.sort(key=lambda place: place.id != first)
        places[0].name(named, forms, forms)
    else:
        for place in places:
            place.name(named, forms, forms)
    found: dict[_Place, tuple[set[str], set[str]]] = {}
    known = None
    while known != named:  # a place may have named the record to one that was asked before it
        known = {end: set(names) for end, names in named.items()}
        for place in places:
            keys, naturals = set(named.get(place.source, ())), named.get(place.target, set())
            if not keys and not naturals:
                continue
            scopes.lock(db, place.id)
            by_key, by_natural = found.setdefault(place, (set(), set()))
            found_keys, found_naturals = _records(db, place, keys, naturals)
            by_key |= found_keys | keys
            by_natural |= found_naturals
            place.name(named, found_keys, found_naturals)
    for place, (keys, naturals) in found.items():
        yield place, keys, naturals


@dataclass(frozen=True, slots=True)
class _Place:
    id: int
    source_system: str
    source_object: str
    target_system: str
    target_object: str

    @property
    def source(self) -> tuple[str, str]:
        return self.source_system, self.source_object

    @property
    def target(self) -> tuple[str, str]:
        return self.target_system, self.target_object

    def name(self, named: dict[tuple[str, str], set[str]], keys: set[str], naturals: set[str]) -> None:
        """Notes under which keys the record goes at both ends."""
        named.setdefault(self.source, set()).update(keys)
        named.setdefault(self.target, set()).update(naturals)


def _records(db: Database, place: _Place, keys: set[str], naturals: set[str]) -> tuple[set[str], set[str]]:
    """Source and natural keys of the records that have one of these; by source key first."""
    by_key = "SELECT key, natural_key FROM ponte_records WHERE scope = $1 AND key = $2"
    by_natural = (
        f"SELECT key, natural_key FROM ponte_records WHERE scope = $1 AND natural_key = $2 UNION {by_key} AND "
        "natural_key IS NULL"
    )
    rows = [db.query(by_key, (place.id, key), _NAMED) for key in sorted(keys)]
    if not any(part.height for part in rows):
        rows = [db.query(by_natural, (place.id, natural), _NAMED) for natural in sorted(naturals)]
    found = [row for part in rows for row in part.iter_rows()]
    return {key for key, _ in found}, {natural or key for key, natural in found}


def erased_keys(db: Database, scope: Scope, keys: pl.Series) -> pl.Series:
    """Those of the keys that were erased and must not be delivered as new."""
    secret = db.query(
        "SELECT erase_key FROM ponte_meta WHERE EXISTS (SELECT 1 FROM ponte_erased WHERE scope = $1)", (scope.id,), _KEY
    )
    if keys.is_empty() or not secret.height:
        return keys.clear()
    marks = keys.to_frame("key").with_columns(mark=pl.Series([mark(secret.item(), key) for key in keys]))
    db.stage("ponte_wanted", marks)
    found = db.query(
        "SELECT s.key FROM ponte_wanted s JOIN ponte_erased e ON e.scope = $1 AND e.mark = s.mark",
        (scope.id,),
        pl.Schema({"key": pl.String}),
    )
    return found["key"]


def mark(secret: str, key: str) -> str:
    """What stays of a key: HMAC-SHA-256 (RFC 2104) as hexadecimal digits."""
    return hmac.new(secret.encode(), key.encode(), hashlib.sha256).hexdigest()


def _erase_in(db: Database, place: _Place, found: tuple[set[str], set[str]], secret: str) -> Counter[str]:
    keys, naturals = found
    counts = Counter(claims=_erase_claims(db, place.id, keys))
    _erase_pending(db, place.id, keys)
    for key in sorted(keys):
        gone = db.execute("DELETE FROM ponte_records WHERE scope = $1 AND key = $2", (place.id, key))
        rejected = db.execute("DELETE FROM ponte_rejects WHERE scope = $1 AND key = $2", (place.id, key))
        counts["records"] += gone
        counts["rejects"] += rejected
        if gone or rejected:
            db.execute(
                "INSERT INTO ponte_erased (scope, mark, erased_at) VALUES ($1, $2, $3) ON CONFLICT (scope, mark) DO "
                "UPDATE SET erased_at = excluded.erased_at",
                (place.id, mark(secret, key), db.now_us()),
            )
    for natural in sorted(naturals):
        counts["ids"] += db.execute(
            "DELETE FROM ponte_ids WHERE system = $1 AND object = $2 AND natural_key = $3", (*place.target, natural)
        )
    scopes.count_outside_commit(db, place.id)
    return counts


def _erase_claims(db: Database, scope: int, names: set[str]) -> int:
    erased, now = 0, db.now_us()
    is_named = pl.col("key").is_in(list(names))
    rows = db.query("SELECT id, live_until, keys FROM ponte_claims WHERE scope = $1", (scope,), _CLAIM)
    for claim, live_until, keys in rows.iter_rows():
        before = claims.unpack(keys)
        left = before.filter(~is_named)
        if left.height == before.height:
            continue
        if live_until > now:
            raise TransientError(
                "The record is being delivered at this moment. Nothing was erased. Next: try again when the run has "
                "ended.",
                reason="RecordBusy",
            )
        erased += before.height - left.height
        db.execute("UPDATE ponte_claims SET keys = $2 WHERE id = $1", (claim, claims.pack(left)))
    return erased


def _erase_pending(db: Database, scope: int, names: set[str]) -> None:
    """Takes the record out of removals that wait for approval: what is forgotten is not removed either."""
    rows = db.query("SELECT run, pending FROM ponte_runs WHERE scope = $1 AND pending IS NOT NULL", (scope,), _PENDING)
    for run, pending in rows.iter_rows():
        before = claims.unpack(pending)
        left = before.filter(~pl.col("key").is_in(list(names)))
        if left.height < before.height:
            db.execute("UPDATE ponte_runs SET pending = $2 WHERE run = $1", (run, claims.pack(left)))


def _erase_texts(db: Database, names: set[str]) -> int:
    """Takes the values of the keys out of the messages of others and the reports of runs."""
    values = {field for name in names for field in _fields(name) if len(field) >= _SHORTEST}
    return sum(_erase_text(db, table, column, values) for table, columns in _TEXTS.items() for column in columns)


def _erase_text(db: Database, table: str, column: str, values: set[str]) -> int:
    at = _ROW_IDS[table]
    schema = pl.Schema([(column, pl.String()), *at.items()])
    where = " AND ".join(f"{name} = ${number + 2}" for number, name in enumerate(at))
    changed = 0
    for value in sorted(values):
        word = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
        pattern = "%" + re.sub(r"([\\%_])", r"\\\1", value) + "%"
        rows = db.query(
            f"SELECT {', '.join(schema)} FROM {table} WHERE {column} LIKE $1 ESCAPE '\\'", (pattern,), schema
        )
        for text, *place in rows.iter_rows():
            without = word.sub(ERASED, text)
            if without != text:
                changed += db.execute(f"UPDATE {table} SET {column} = $1 WHERE {where}", (without, *place))
    return changed


def _fields(name: str) -> list[str]:
    try:
        return split_key(name)
    except ValueError:
        return [name]


def _leave_no_trace(db: Database) -> None:
    """SQLite's free pages and write-ahead log still have what was deleted; PostgreSQL's go with its next vacuum."""
    if isinstance(db, SqliteDatabase):
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
