"""A SQL database as a system: opens sessions, knows relations, gives sources and targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from ponte.connectors.discovery import FoundField, FoundObject
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import RefusedError, Session
from ponte.connectors.relational.sessions import RestingSessions, named_object
from ponte.connectors.relational.source import ByStatements, RelationSource
from ponte.connectors.relational.target import TableTarget
from ponte.engine.ports import Probe, SchemaField, Source, Target
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError
from ponte_api.sync_source import SyncSource


class DatabaseSystem:
    """One database.

    Args:
        source: the SyncSource.
        open_session: connects; blocking; raises the errors of `ponte.errors`.
    """

    def __init__(self, source: SyncSource, open_session: Callable[[], Session]) -> None:
        self._source = source
        self._sessions = RestingSessions(source, open_session, _answers)
        self.session = self._sessions.session
        self._targets: list[TableTarget] = []

    def source(self, object_name: str) -> Source:
        """The object for reading."""
        return RelationSource(named_object(self._source, object_name), self.session, ByStatements())

    def target(self, object_name: str) -> Target:
        """The object for writing."""
        spec = named_object(self._source, object_name)
        if spec.table is None:
            raise ConfigurationError(
                f"{self._source.metadata.name}/{spec.name} is a query and cannot be written. Next: give it a table."
            )
        target = TableTarget(spec, self._sessions.kept)
        self._targets.append(target)
        return target

    async def probe(self) -> Probe:
        """Connects and asks for one value."""
        try:
            async with self.session() as (session, worker):
                await worker.run(session.scalar, session.dialect.probe)
        except CredentialsRefused as error:
            return Probe(ok=False, reason=error.reason, message=error.message)
        except PonteError as error:
            return Probe(ok=False, reason=error.reason, message=error.message)
        return Probe(ok=True, reason="Reachable", message=f"{self._source.metadata.name}: the database answers.")

    async def schema(self, object_name: str) -> list[SchemaField]:
        """The columns, from the catalogue."""
        spec = named_object(self._source, object_name)
        async with self.session() as (session, worker):
            await worker.run(session.begin, is_snapshot=True)
            relation = await worker.run(session.relation, spec.table, spec.query)
        return [SchemaField(column.name, column.type) for column in relation.columns]

    async def object_names(self) -> list[str]:
        """Tables and views, where the driver lists them."""
        async with self.session() as (session, worker):
            statement = getattr(session.dialect, "tables", None)
            listed = None if statement is None else await worker.run(session.scalar, statement)
        return sorted(json.loads(listed)) if listed else []

    async def found_object(self, object_name: str) -> FoundObject:
        """The columns that can be written, and the unique keys."""
        spec = named_object(self._source, object_name)
        async with self.session() as (session, worker):
            await worker.run(session.begin, is_snapshot=True)
            relation = await worker.run(session.relation, spec.table, spec.query)
        return found(relation, [c for c in relation.columns if c.is_writable or spec.query is not None])

    async def close(self) -> None:
        """Closes what targets hold, and what rests."""
        for target in self._targets:
            await target.close()
        await self._sessions.close()


def _answers(session: Session) -> bool:
    try:
        session.scalar(session.dialect.probe)
    except (PonteError, RefusedError):
        return False
    return True


def found(relation: Relation, columns: Iterable[Column]) -> FoundObject:
    """A relation, of these columns, as people are told of it."""
    keys = (tuple(c.name for c in relation.columns if c.name in key) for key in relation.unique_keys)
    return FoundObject(tuple(map(_found, columns)), tuple(keys))


def _found(column: Column) -> FoundField:
    """The column; a type of SQLite that is only declared, such as DATE, is what is meant by it."""
    is_scaled = column.kind != "decimal" or column.dtype is not None
    declared = "datetime" if "TIME" in column.declared else "date"
    is_time = column.kind == "string" and column.holds_times
    return FoundField(
        column.name,
        declared if is_time else column.type if is_scaled else "decimal",
        is_required=not column.is_nullable and not column.is_filled,
        length=column.length,
    )
