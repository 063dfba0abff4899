"""What every source must do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import ClassVar

import polars as pl
import pytest

from ponte.engine.ports import Batch, Read, Source
from ponte.testing.contract.records import (
    CURSOR,
    EXACT_PRICES,
    KEY,
    ODD_TEXTS,
    Record,
    Traits,
    make_record,
    make_records,
    to_comparable,
)

OpenSource = Callable[[list[Record]], Awaitable[Source]]
"""Puts records into a system behind the connector's back and opens the object that holds them."""


async def read_all(source: Source, read: Read) -> list[Batch]:
    """All batches of a reading."""
    return [batch async for batch in source.read(read)]


def records_of(batches: list[Batch]) -> list[Record]:
    """The records of batches, comparable."""
    return [to_comparable(record) for batch in batches for record in batch.frame.iter_rows(named=True)]


def by_key(records: list[Record]) -> list[Record]:
    """Records in the order of their keys."""
    return sorted(records, key=lambda record: str(record[KEY]))


class SourceContract:
    """Inherit it and give the fixture `open_source`."""

    traits: ClassVar[Traits] = Traits()

    @pytest.fixture
    def open_source(self) -> OpenSource:
        """How a system with these records is made."""
        raise NotImplementedError

    async def test_an_empty_object_ends_at_once(self, open_source: OpenSource) -> None:
        batches = await read_all(await open_source([]), Read("all", 10))

        assert records_of(batches) == []
        assert batches[-1].is_last

    async def test_every_record_comes_once_in_batches_of_at_most_the_size_asked_for(
        self, open_source: OpenSource
    ) -> None:
        records = make_records(53)

        batches = await read_all(await open_source(records), Read("all", 10))

        assert by_key(records_of(batches)) == records
        assert max(batch.frame.height for batch in batches) <= 10
        assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True]
        assert not any(batch.unreadable or (batch.faults is not None and batch.faults.height) for batch in batches)

    @pytest.mark.parametrize("count", [9, 10, 11, 20])
    async def test_paging_ends_at_the_edge_of_a_batch(self, open_source: OpenSource, count: int) -> None:
        batches = await read_all(await open_source(make_records(count)), Read("all", 10))

        assert len(records_of(batches)) == count
        assert batches[-1].is_last

    async def test_types_do_not_depend_on_the_batch(self, open_source: OpenSource) -> None:
        records = make_records(20) + [make_record(n, name=None, stock=None, day=None) for n in range(21, 41)]

        batches = await read_all(await open_source(records), Read("all", 10))

        schemas = [batch.frame.schema for batch in batches if batch.frame.height]
        assert all(schema == schemas[0] for schema in schemas)

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_odd_text_arrives_as_it_is(self, open_source: OpenSource, text: str) -> None:
        records = [make_record(1, name=text), make_record(2)]

        batches = await read_all(await open_source(records), Read("all", 10))

        assert by_key(records_of(batches)) == records

    async def test_numbers_are_exact_and_never_binary_fractions(self, open_source: OpenSource) -> None:
        records = [make_record(n, price=Decimal(price)) for n, price in enumerate(EXACT_PRICES, 1)]

        batches = await read_all(await open_source(records), Read("all", 100))

        assert by_key(records_of(batches)) == records
        assert not any(dtype.is_float() for batch in batches for dtype in batch.frame.dtypes)

    async def test_empty_values_stay_empty(self, open_source: OpenSource) -> None:
        empty = dict.fromkeys(("name", "price", "stock", "active", "day"))
        records = [make_record(1, **empty), make_record(2)]

        batches = await read_all(await open_source(records), Read("all", 10))

        assert by_key(records_of(batches)) == records

    async def test_records_with_one_key_all_come(self, open_source: OpenSource) -> None:
        if not self.traits.allows_repeated_keys:
            pytest.skip("the system keeps keys unique")
        records = [make_record(1), make_record(1, name="again"), make_record(2)]

        batches = await read_all(await open_source(records), Read("all", 10))

        assert sorted(str(record["name"]) for record in records_of(batches)) == ["Article 1", "Article 2", "again"]

    async def test_a_record_without_a_key_is_not_swallowed(self, open_source: OpenSource) -> None:
        if not self.traits.allows_missing_keys:
            pytest.skip("the system wants a key")
        records = [make_record(1), make_record(2, code=None)]

        batches = await read_all(await open_source(records), Read("all", 10))

        assert {record[KEY] for record in records_of(batches)} == {"0000001", None}

    async def test_only_the_columns_asked_for_come(self, open_source: OpenSource) -> None:
        batches = await read_all(await open_source(make_records(3)), Read("all", 10, columns=(KEY, "price", CURSOR)))

        assert set(batches[0].frame.columns) == {KEY, "price", CURSOR}

    async def test_a_reading_of_all_resumes_behind_each_batch(self, open_source: OpenSource) -> None:
        source = await open_source(make_records(35))

        await _check_resuming(source, Read("all", 10))

    async def test_changes_resume_behind_each_batch_even_inside_equal_cursors(self, open_source: OpenSource) -> None:
        moment = make_record(7)[CURSOR]
        same = [make_record(n, changed=moment) for n in range(1, 26)]
        source = await open_source([*same, make_record(40), *(make_record(n, changed=None) for n in range(50, 75))])
        self._need_changes(source)

        await _check_resuming(source, Read("changes", 10, upper=await source.upper_bound()))

    async def test_changes_are_those_within_the_bounds_both_included(self, open_source: OpenSource) -> None:
        records = make_records(20)
        source = await open_source(records)
        self._need_changes(source)
        upper = await source.upper_bound()
        lower = await (await open_source(records[:8])).upper_bound()
        source = await open_source(records)

        batches = await read_all(source, Read("changes", 5, lower=lower, upper=upper))

        assert records_of(batches) == records[7:]

    async def test_the_upper_bound_holds_off_what_changes_later(self, open_source: OpenSource) -> None:
        source = await open_source(make_records(8))
        self._need_changes(source)
        upper = await source.upper_bound()
        source = await open_source(make_records(9))

        batches = await read_all(source, Read("changes", 100, upper=upper))

        assert records_of(batches) == make_records(8)

    async def test_records_without_a_cursor_are_among_the_changes_every_time(self, open_source: OpenSource) -> None:
        source = await open_source([*make_records(3), make_record(9, changed=None)])
        self._need_changes(source)
        upper = await source.upper_bound()

        batches = await read_all(source, Read("changes", 2, lower=upper, upper=upper))

        assert by_key(records_of(batches)) == [make_record(3), make_record(9, changed=None)]

    async def test_there_is_no_upper_bound_where_there_is_nothing(self, open_source: OpenSource) -> None:
        source = await open_source([])
        self._need_changes(source)

        assert await source.upper_bound() is None
        assert records_of(await read_all(source, Read("changes", 10))) == []

    async def test_single_records_are_read_by_key_and_unknown_keys_give_nothing(self, open_source: OpenSource) -> None:
        odd = "a'b\"c;%s/漢"
        source = await open_source([*make_records(20), make_record(21, code=odd)])
        if "keys" not in source.capabilities.reads:
            pytest.skip("the source does not read by key")
        keys = pl.DataFrame({KEY: ["0000003", odd, "7", "no such", "' OR 1=1 --"]})

        batches = await read_all(source, Read("keys", 10, keys=keys))

        assert by_key(records_of(batches)) == [make_record(3), make_record(21, code=odd)]

    def _need_changes(self, source: Source) -> None:
        if "changes" not in source.capabilities.reads:
            pytest.skip("the source does not read changes")


async def _check_resuming(source: Source, read: Read) -> None:
    batches = await read_all(source, read)
    keys = [[record[KEY] for record in records_of([batch])] for batch in batches]
    positions = [batch.position for batch in batches]
    if None in positions:
        pytest.skip("the source does not resume here")
    for number, position in enumerate(positions):
        rest = await read_all(source, Read(read.mode, 10, lower=read.lower, upper=read.upper, resume=position))
        expected = [key for part in keys[number + 1 :] for key in part]

        assert [record[KEY] for record in records_of(rest)] == expected
