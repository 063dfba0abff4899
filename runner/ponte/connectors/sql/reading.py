"""What to ask the database for one reading: pure decisions about statements, bounds and positions."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ponte.connectors.sql.catalogue import Column, Relation
from ponte.connectors.sql.client import Dialect
from ponte.connectors.sql.statements import Select
from ponte.engine.ports import Read
from ponte.errors import ConfigurationError
from ponte_api.sync_source import ObjectSpec


@dataclass(frozen=True, slots=True)
class Plan:
    """Statements to run one after the other, with their parameters.

    Attributes:
        columns: what each of them gives.
    """

    columns: tuple[Column, ...]
    statements: tuple[tuple[str, tuple[str, ...]], ...]

    def position(self, frame: pl.DataFrame) -> str | None:  # noqa: ARG002
        """Where to go on behind a frame."""
        return None


def plan_reading(dialect: Dialect, relation: Relation, spec: ObjectSpec, read: Read) -> Plan:
    """The plan of a reading. Raises ConfigurationError for fields that are not there."""
    columns = relation.columns if read.columns is None else relation.select(read.columns)
    if read.mode == "all":
        return Plan(columns, ((Select(relation, columns).text(dialect), ()),))
    raise ConfigurationError(f"{relation.label}: cannot read {read.mode} ({spec.name}).")
