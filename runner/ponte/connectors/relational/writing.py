"""One delivery into one table: what goes where, and the transaction that brings it there. Blocking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from ponte.connectors.relational.answers import Answers
from ponte.connectors.relational.catalogue import Column, Relation
from ponte.connectors.relational.client import Appends, CommitLostError, RefusedError, Session
from ponte.connectors.relational.dialect import Merge, Span, Stage
from ponte.connectors.relational.encoding import encode
from ponte.connectors.relational.parts import PartTable
from ponte.connectors.relational.statements import delete_keys, missing_keys
from ponte.engine.ports import Delivery
from ponte.errors import ConfigurationError

_NUMBER = (Column("ponte_row", "integer", "integer", bits=32),)


@dataclass(slots=True)
class Writer:
    """A table and the tables of its parts, ready to be written to.

    Attributes:
        table: its catalogue entry.
        parts: tables whose rows belong to its records.
        may_append: whether new records may go straight into the table, as far as is known.
    """

    session: Session
    table: Relation
    parts: tuple[PartTable, ...]
    may_append: bool = True

    def deliver(self, delivery: Delivery) -> pl.DataFrame:
        """Applies a delivery in one transaction, but for the records at fault, and answers by ANSWER_SCHEMA."""
        check_unique(self.session, self.table, delivery.key)
        answers = Answers(delivery.frame.height)
        parts = self._delivered_parts(delivery)
        for part in parts:
            check_unique(self.session, part.relation, part.key)
        records = delivery.frame.drop([table.part.name for table in parts])
        columns = self.table.select(records.columns)
        if delivery.operation == "create":
            self._check_required(columns)
        encoded, faulty = encode(records, columns, self.table.row_size)
        answers.reject_all(faulty)
        staged, rows = _stageable(encoded, parts, delivery.frame, answers)
        try:
            self.session.begin(is_snapshot=False)
            if parts or delivery.operation != "create" or not self._append(columns, staged):
                stage = self.session.stage("", columns, staged, delivery.key)
                merge = Merge(self.table, stage, delivery.key, delivery.omit_null)
                stages = [self.session.stage(of.part.name, *part, of.key) for of, part in zip(parts, rows, strict=True)]
                if delivery.operation == "update":
                    self._reject_missing(merge, answers)
                self._apply(delivery, merge, list(zip(parts, stages, strict=True)), answers)
            self.session.commit()
        except CommitLostError:
            return answers.unknown()
        except BaseException:
            self.session.rollback()
            raise
        return answers.done()

    def _append(self, columns: Sequence[Column], staged: pl.DataFrame) -> bool:
        """Straight into the table, which costs half as much; False, and nothing done, unless all rows are new and fine.

        After a chunk that was refused it is not tried again: where some records are there already, others will be.
        """
        session = self.session
        if not (self.may_append and isinstance(session, Appends) and session.can_append(self.table, columns)):
            return False
        savepoint = session.dialect.savepoint
        session.execute(savepoint.set)
        try:
            session.append(self.table, columns, staged.drop("ponte_row"))
        except RefusedError:
            session.execute(savepoint.undo)
            self.may_append = False
            return False
        return True

    def _delivered_parts(self, delivery: Delivery) -> list[PartTable]:
        if delivery.operation == "delete":
            return []
        return [table for table in self.parts if table.part.name in delivery.frame.columns]

    def _check_required(self, columns: Sequence[Column]) -> None:
        given = {column.name for column in columns}
        left = [c.name for c in self.table.columns if not (c.is_nullable or c.is_filled or c.name in given)]
        if left:
            raise ConfigurationError(
                f"{self.table.label}: {', '.join(left)} must not be empty, have no default and are not mapped."
                " Next: map them, or give them a default in the database.",
                reason="RequiredFieldMissing",
            )

    def _reject_missing(self, merge: Merge, answers: Answers) -> None:
        for rows in self.session.stream(missing_keys(self.session.dialect, merge), (), _NUMBER, answers.height):
            for number in rows.frame.to_series(0):
                answers.reject(number, "NotFound", "the target has no record with this key")

    def _apply(self, delivery: Delivery, merge: Merge, parts: list[tuple[PartTable, Stage]], answers: Answers) -> None:
        savepoint = self.session.dialect.savepoint
        spans = [(0, delivery.frame.height)]
        while spans:
            first, end = spans.pop()
            self.session.execute(savepoint.set)
            try:
                for statement in self._statements(delivery, merge, parts, Span(first, end)):
                    self.session.execute(statement)
            except RefusedError as refused:
                self.session.execute(savepoint.undo)
                if end - first == 1:
                    answers.refuse(first, refused)
                else:
                    middle = (first + end) // 2
                    spans += [(middle, end), (first, middle)]
            if savepoint.release is not None:
                self.session.execute(savepoint.release)

    def _statements(
        self, delivery: Delivery, merge: Merge, parts: list[tuple[PartTable, Stage]], span: Span
    ) -> Iterator[str]:
        dialect = self.session.dialect
        if delivery.operation == "delete":
            yield from (table.delete(dialect, merge, span) for table in self.parts)
            yield delete_keys(dialect, merge, span)
            return
        yield from dialect.upsert(merge, span) if delivery.operation == "create" else dialect.update(merge, span)
        for table, stage in parts:
            yield from table.write(dialect, merge, stage, span)


def check_unique(session: Session, table: Relation, key: Sequence[str]) -> None:
    """Raises ConfigurationError, with the statement that helps, where the database does not keep the key unique."""
    names = [table.column(name).name for name in key]
    if frozenset(names) in table.unique_keys:
        return
    raise ConfigurationError(
        f"{table.label}: no unique index holds exactly the natural key ({', '.join(names)}). Ponte cannot update "
        f"without one. Next: {session.dialect.unique_index(table, names)}",
        reason="UniqueIndexMissing",
    )


def _stageable(
    encoded: pl.DataFrame, parts: list[PartTable], frame: pl.DataFrame, answers: Answers
) -> tuple[pl.DataFrame, list[tuple[tuple[Column, ...], pl.DataFrame]]]:
    """What can be staged of a delivery: records without fault, and the rows of their parts."""
    exploded = []
    for table in parts:
        rows, faulty = table.explode(frame)
        answers.reject_all(faulty)
        exploded.append((table.relation.select(rows.columns[1:]), rows))
    good = answers.open_rows()
    staged = good.to_frame().hstack(encoded[good] if good.len() < encoded.height else encoded)
    return staged, [(fields, rows.filter(pl.col("ponte_row").is_in(good.implode()))) for fields, rows in exploded]
