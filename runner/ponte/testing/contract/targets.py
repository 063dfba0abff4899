"""What every target must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import polars as pl
import pytest

from ponte.engine.ports import ANSWER_SCHEMA, Delivery, Operation, Target
from ponte.testing.contract.records import (
    EXACT_PRICES,
    KEY,
    ODD_TEXTS,
    SCHEMA,
    Record,
    Traits,
    make_record,
    make_records,
    to_comparable,
    to_frame,
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A target, and a look behind the connector's back.

    Attributes:
        records: all records that the system holds.
        refuse: makes the system refuse every record whose stock is -1; None where that cannot be had.
        lose_next_answer: makes the next write happen without an answer; None where that cannot be had.
    """

    target: Target
    records: Callable[[], Awaitable[list[Record]]]
    refuse: Callable[[], Awaitable[None]] | None = None
    lose_next_answer: Callable[[], Awaitable[None]] | None = None


OpenTarget = Callable[[list[Record]], Awaitable[Opened]]
"""Puts records into a system behind the connector's back and opens the object that holds them."""


def make_delivery(
    operation: Operation,
    frame: pl.DataFrame,
    ids: list[str | None] | None = None,
    omit_null: frozenset[str] = frozenset(),
) -> Delivery:
    """A delivery by the natural key `code`."""
    return Delivery(
        operation=operation,
        frame=frame,
        key=(KEY,),
        target_ids=pl.Series(ids or [None] * frame.height, dtype=pl.String),
        idempotency_keys=pl.Series([f"{operation}-{key}" for key in frame[KEY]], dtype=pl.String),
        omit_null=omit_null,
    )


async def held(opened: Opened) -> list[Record]:
    """What the system holds, comparable, in the order of the keys."""
    return sorted((to_comparable(record) for record in await opened.records()), key=lambda record: str(record[KEY]))


async def ids_of(opened: Opened, keys: list[str]) -> list[str | None]:
    """The target's own ids of records that are there; None where it has none."""
    found = await opened.target.find(pl.DataFrame({KEY: keys}))
    ids = dict(found.iter_rows())
    return [ids.get(row) for row in range(len(keys))]


class TargetContract:
    """Inherit it and give the fixture `open_target`."""

    traits: ClassVar[Traits] = Traits()

    @pytest.fixture
    def open_target(self) -> OpenTarget:
        """How a system with these records is made."""
        raise NotImplementedError

    async def test_created_records_stand_in_the_target_and_each_row_is_answered_once(
        self, open_target: OpenTarget
    ) -> None:
        opened = await open_target([])
        records = make_records(7)

        answers = await opened.target.deliver(make_delivery("create", to_frame(records)))

        assert answers.schema == ANSWER_SCHEMA
        assert answers["row"].sort().to_list() == list(range(7))
        assert set(answers["outcome"]) == {"done"}
        assert await held(opened) == records

    async def test_an_empty_delivery_is_answered_emptily(self, open_target: OpenTarget) -> None:
        opened = await open_target(make_records(1))

        answers = await opened.target.deliver(make_delivery("create", to_frame([])))

        assert answers.height == 0
        assert await held(opened) == make_records(1)

    async def test_a_create_sent_twice_is_one_record(self, open_target: OpenTarget) -> None:
        opened = await open_target([])
        capabilities = opened.target.capabilities
        if not (capabilities.upserts or capabilities.takes_idempotency_keys):
            pytest.skip("the target takes each create for a new record")
        delivery = make_delivery("create", to_frame(make_records(3)))

        first = await opened.target.deliver(delivery)
        second = await opened.target.deliver(delivery)

        assert set(second["outcome"]) == {"done"}
        assert second["target_id"].to_list() == first["target_id"].to_list()
        assert await held(opened) == make_records(3)

    async def test_a_create_of_what_is_there_becomes_an_update_where_the_target_upserts(
        self, open_target: OpenTarget
    ) -> None:
        opened = await open_target(make_records(2))
        if not opened.target.capabilities.upserts:
            pytest.skip("the target does not upsert")

        await opened.target.deliver(make_delivery("create", to_frame([make_record(2, name="new"), make_record(3)])))

        assert await held(opened) == [make_record(1), make_record(2, name="new"), make_record(3)]

    async def test_an_update_changes_the_record_and_no_other(self, open_target: OpenTarget) -> None:
        opened = await open_target(make_records(3))
        changed = make_record(2, name="changed", price=Decimal("99.95"))

        answers = await opened.target.deliver(
            make_delivery("update", to_frame([changed]), await self._ids(opened, [changed[KEY]]))
        )

        assert answers["outcome"].to_list() == ["done"]
        assert await held(opened) == [make_record(1), changed, make_record(3)]

    @pytest.mark.parametrize("operation", ["create", "update"])
    async def test_fields_that_are_not_sent_stay_as_they_are(
        self, open_target: OpenTarget, operation: Operation
    ) -> None:
        opened = await open_target([make_record(1)])
        if operation == "create" and not opened.target.capabilities.upserts:
            pytest.skip("the target does not upsert")
        part = to_frame([make_record(1, price=Decimal("5.00"))], (KEY, "price"))

        await opened.target.deliver(make_delivery(operation, part, await self._ids(opened, ["0000001"])))

        assert await held(opened) == [make_record(1, price=Decimal("5.00"))]

    async def test_an_empty_value_empties_the_field_unless_it_is_to_be_left_out(self, open_target: OpenTarget) -> None:
        opened = await open_target([make_record(1)])
        frame = to_frame([make_record(1, name=None, day=None)])

        await opened.target.deliver(
            make_delivery("update", frame, await self._ids(opened, ["0000001"]), omit_null=frozenset({"day"}))
        )

        assert await held(opened) == [make_record(1, name=None)]

    async def test_deleting_is_idempotent_and_takes_nothing_else(self, open_target: OpenTarget) -> None:
        opened = await open_target(make_records(3))
        delivery = make_delivery("delete", to_frame([make_record(2)], (KEY,)), await self._ids(opened, ["0000002"]))

        first = await opened.target.deliver(delivery)
        second = await opened.target.deliver(delivery)

        assert first["outcome"].to_list() == second["outcome"].to_list() == ["done"]
        assert await held(opened) == [make_record(1), make_record(3)]

    async def test_a_changed_key_is_a_new_record_beside_the_old_one(self, open_target: OpenTarget) -> None:
        opened = await open_target([make_record(1)])

        await opened.target.deliver(make_delivery("create", to_frame([make_record(1, code="new")])))

        assert [record[KEY] for record in await held(opened)] == ["0000001", "new"]

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_odd_text_is_kept_as_it_is(self, open_target: OpenTarget, text: str) -> None:
        opened = await open_target([])

        await opened.target.deliver(make_delivery("create", to_frame([make_record(1, name=text)])))

        assert await held(opened) == [make_record(1, name=text)]

    @pytest.mark.parametrize("key", ["a'b\"c", "x; DROP TABLE y", "50%/?#[]", "漢字 é", " leading", "k" * 1000])
    async def test_odd_keys_are_told_apart(self, open_target: OpenTarget, key: str) -> None:
        opened = await open_target([make_record(1)])
        record = make_record(2, code=key)

        await opened.target.deliver(make_delivery("create", to_frame([record])))
        await opened.target.deliver(
            make_delivery("update", to_frame([{**record, "name": "u"}]), await self._ids(opened, [key]))
        )

        assert {item[KEY]: item["name"] for item in await held(opened)} == {"0000001": "Article 1", key: "u"}

    async def test_numbers_dates_and_truth_values_are_kept_exactly(self, open_target: OpenTarget) -> None:
        opened = await open_target([])
        records = [make_record(n, price=Decimal(price)) for n, price in enumerate(EXACT_PRICES, 1)]

        await opened.target.deliver(make_delivery("create", to_frame(records)))

        assert await held(opened) == records

    async def test_only_the_refused_records_are_rejected_with_a_reason(self, open_target: OpenTarget) -> None:
        opened = await open_target([])
        if opened.refuse is None:
            pytest.skip("the system refuses nothing")
        await opened.refuse()
        records = [make_record(n, stock=-1 if n in {3, 8} else 5) for n in range(1, 12)]

        answers = await opened.target.deliver(make_delivery("create", to_frame(records)))

        rejected = answers.filter(pl.col("outcome") == "rejected")
        assert rejected["row"].sort().to_list() == [2, 7]
        assert rejected["reason"].null_count() == rejected["message"].null_count() == 0
        assert "0000003" not in " ".join(rejected["message"])
        assert answers.height == 11
        assert await held(opened) == [record for record in records if record["stock"] == 5]

    async def test_a_write_whose_answer_is_lost_is_unknown_and_not_an_error(self, open_target: OpenTarget) -> None:
        opened = await open_target([])
        if opened.lose_next_answer is None:
            pytest.skip("answers cannot be made to be lost here")
        await opened.lose_next_answer()

        answers = await opened.target.deliver(make_delivery("create", to_frame(make_records(1))))

        assert answers["outcome"].to_list() == ["unknown"]
        assert await held(opened) == make_records(1)

    async def test_records_are_found_by_natural_key(self, open_target: OpenTarget) -> None:
        opened = await open_target(make_records(5))
        if not opened.target.capabilities.finds:
            pytest.skip("the target does not look up")

        found = await opened.target.find(pl.DataFrame({KEY: ["0000004", "no such", "0000001"]}))

        assert sorted(found["row"].to_list()) == [0, 2]

    async def test_records_are_fetched_as_they_stand_and_missing_ones_left_out(self, open_target: OpenTarget) -> None:
        opened = await open_target(make_records(5))
        keys = ["0000004", "no such", "0000001"]
        ids = await self._ids(opened, keys)

        fetched = await opened.target.fetch(pl.DataFrame({KEY: keys}), pl.Series(ids, dtype=pl.String))

        rows = {record["row"]: to_comparable(record) for record in fetched.iter_rows(named=True)}
        assert rows == {0: make_record(4), 2: make_record(1)}

    async def test_an_update_of_what_is_gone_is_not_taken_for_done(self, open_target: OpenTarget) -> None:
        opened = await open_target([make_record(1)])

        answers = await opened.target.deliver(make_delivery("update", to_frame([make_record(1), make_record(9)])))

        assert dict(answers.select("row", "outcome").iter_rows())[1] == "rejected"
        assert [record[KEY] for record in await held(opened)] == ["0000001"]

    async def _ids(self, opened: Opened, keys: list[str]) -> list[str | None]:
        return await ids_of(opened, keys) if opened.target.capabilities.finds else [None] * len(keys)


__all__ = ["SCHEMA", "OpenTarget", "Opened", "TargetContract", "held", "make_delivery"]
