"""A database behind SQLAlchemy as a system: it gives sources, and refuses to be a target."""

from __future__ import annotations

from ponte.connectors.discovery import FoundObject
from ponte.connectors.relational.sessions import Sessions, named_object
from ponte.connectors.relational.source import RelationSource
from ponte.connectors.relational.system import found
from ponte.connectors.sql.alchemy.readings import ByAlchemy, relation_of
from ponte.connectors.sql.alchemy.session import Address, AlchemySession
from ponte.engine.ports import Probe, SchemaField, Source, Target
from ponte.errors import ConfigurationError, PonteError
from ponte_api.sync_source import SyncSource


class AlchemySystem:
    """One database, for reading."""

    def __init__(self, source: SyncSource, address: Address) -> None:
        self._source = source
        # None rests: DuckDB locks its file for everybody else as long as a connection is open.
        self._session = Sessions(source, lambda: AlchemySession(address)).session

    def source(self, object_name: str) -> Source:
        """The object for reading."""
        return RelationSource(named_object(self._source, object_name), self._session, ByAlchemy())

    def target(self, object_name: str) -> Target:
        """Never: how each of these databases updates what is there, nobody has proven."""
        raise ConfigurationError(
            f"{self._source.metadata.name}/{object_name}: Ponte reads this database by SQLAlchemy and does not write "
            "to it. Next: write to PostgreSQL, MariaDB, MySQL or SQLite, to a web API, or to files that this database "
            "loads.",
            reason="NotWritable",
        )

    async def probe(self) -> Probe:
        """Connects and asks the dialect's own question."""
        try:
            async with self._session() as (session, worker):
                await worker.run(session.probe)
        except PonteError as error:
            return Probe(ok=False, reason=error.reason, message=error.message)
        return Probe(ok=True, reason="Reachable", message=f"{self._source.metadata.name}: the database answers.")

    async def schema(self, object_name: str) -> list[SchemaField]:
        """The columns, from the catalogue."""
        spec = named_object(self._source, object_name)
        async with self._session() as (session, worker):
            relation = await worker.run(relation_of, session, spec)
        return [SchemaField(column.name, column.type) for column in relation.columns]

    async def object_names(self) -> list[str]:
        """Tables and views."""
        async with self._session() as (session, worker):
            return await worker.run(session.names)

    async def found_object(self, object_name: str) -> FoundObject:
        """The columns and the unique keys."""
        spec = named_object(self._source, object_name)
        async with self._session() as (session, worker):
            relation = await worker.run(relation_of, session, spec)
        return found(relation, relation.columns)

    async def close(self) -> None:
        """Nothing is held."""
