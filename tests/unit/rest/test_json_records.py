"""JSON records to frames and back: exact numbers, hostile input, mixed kinds."""

from __future__ import annotations

import json
import math
import random
import time
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.records import JsonError, decode, decode_all, frame_records
from ponte.errors import ConfigurationError
from ponte.mapping.json_rows import Said, render_rows
from ponte.mapping.number_text import number_text
from ponte_api.sync_source import DeclaredField


def framed(text: str | bytes, declared: tuple[DeclaredField, ...] = ()) -> pl.DataFrame:
    return frame_records(decode(text), declared).frame


def test_a_decimal_of_nineteen_digits_stays_exact_there_and_back():
    frame = framed('[{"price": 12345678901234567.89}, {"price": 1.5}]')

    assert frame["price"].to_list() == [Decimal("12345678901234567.89"), Decimal("1.5")]
    assert render_rows(frame).to_list()[0] == '{"price":12345678901234567.89}'


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("[9223372036854775807]", pl.Int64()),
        ("[-9223372036854775808]", pl.Int64()),
        ("[9223372036854775808]", pl.Decimal(38, 0)),
        ("[123456789012345678901234567890]", pl.Decimal(38, 0)),
        ("[" + "9" * 38 + "]", pl.Decimal(38, 0)),
        ("[" + "9" * 39 + "]", pl.String()),
        ("[" + "9" * 5000 + "]", pl.String()),
        ("[1.25, 3]", pl.Decimal(38, 2)),
        ("[1e400, 1.5]", pl.String()),
        ("[1E+1000000000]", pl.String()),
        ("[2.5e3]", pl.Decimal(38, 0)),
        ("[1e-7]", pl.Decimal(38, 7)),
        ("[true, null]", pl.Boolean()),
        ('["a", null]', pl.String()),
        ("[null]", pl.Null()),
        ('[{"x": 1}, null]', pl.Struct({"x": pl.Int64()})),
        ("[[1, 2], [], null]", pl.List(pl.Int64())),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_column_takes_the_narrowest_type_that_holds_every_value(text, dtype):
    values = json.loads(text, parse_float=Decimal, parse_int=Decimal)

    column = framed(f"[{','.join(_records(text))}]")["v"]

    assert column.dtype == dtype
    if dtype.is_numeric():
        assert [None if value is None else Decimal(value) for value in column] == values


def _records(text: str) -> list[str]:
    """Each element of a JSON list as the field v of a record, its digits untouched."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    parts, position = [], 1
    while position < len(text) - 1:
        _, end = decoder.raw_decode(text, position)
        parts.append(f'{{"v": {text[position:end]}}}')
        position = end + 1
        while position < len(text) and text[position] == " ":
            position += 1
    return parts


def test_mixed_kinds_become_the_json_text_of_each_value_and_cost_no_page():
    frame = framed('[{"v": 1}, {"v": "x"}, {"v": true}, {"v": {"b": 1.50}}, {"v": [1, "2"]}, {"v": null}]')

    assert frame["v"].to_list() == ["1", "x", "true", '{"b":1.5}', '[1,"2"]', None]


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False, places=4).map(str),
    st.sampled_from(["1e1", "2.50", "10.0", "-0.0", "1E-3", "0", "1" + "0" * 60]),
)
MATES = st.lists(st.one_of(NUMBERS, st.sampled_from(['"A3"', "null", "true", "[1.50]", '{"a": 1.5}'])), max_size=4)


@given(NUMBERS, MATES)
def test_a_number_has_the_same_text_whatever_stands_beside_it(number, mates):
    def text(frame):
        return frame.select(number_text(pl.col("v"), frame.schema["v"]).cast(pl.String)).item(0, 0)

    records = [f'{{"v": {one}}}' for one in [number, *mates]]
    alone, beside = text(framed(f"[{records[0]}]")), text(framed(f"[{','.join(records)}]"))

    assert beside in {alone, f"{alone}0"}  # the zero: see `unmistakable`
    assert Decimal(beside) == Decimal(alone) == Decimal(number)


def test_records_with_as_many_fields_but_others_keep_each_under_its_name():
    frame = framed('[{"a": 1, "b": "x"}, {"b": "y", "a": 2}, {"a": 3, "c": "z"}]')

    assert frame.to_dict(as_series=False) == {"a": [1, 2, 3], "b": ["x", "y", None], "c": [None, None, "z"]}


def test_thousands_of_records_keep_their_order_and_the_fields_of_the_last_one():
    records = [{"a": number, "b": str(number)} for number in range(2_500)]
    same, last = framed(json.dumps(records)), framed(json.dumps([*records, {"a": 0, "b": "", "c": True}]))

    assert same["a"].to_list() == list(range(2_500))
    assert same["b"].to_list() == [str(number) for number in range(2_500)]
    assert last["c"].to_list() == [None] * 2_500 + [True]


def test_a_field_that_some_records_lack_is_null_in_them():
    assert framed('[{"a": 1}, {"b": "x"}]').rows() == [(1, None), (None, "x")]


@pytest.mark.parametrize(
    ("record", "field", "reason"),
    [
        ('{"sku": "x", "v": NaN}', "v", "NotANumber"),
        ('{"sku": "x", "v": [1, Infinity]}', "v", "NotANumber"),
        ('{"sku": "x", "v": 1, "v": 2}', None, "DuplicateField"),
        ('{"sku": "x", "v": {"a": 1, "a": 2}}', "v", "DuplicateField"),
        (r'{"sku": "x", "v": "\ud800"}', "v", "InvalidText"),
        (r'{"sku": "x", "v": {"\udfff": 1}}', "v", "InvalidText"),
        (r'{"sku": "x", "v": 1, "\ud800": 2}', None, "InvalidText"),
        ('{"sku": "x", "v": ' + "[" * 200 + "]" * 200 + "}", "v", "TooDeep"),
    ],
    ids=["nan", "infinity", "name twice", "inner name twice", "surrogate", "surrogate name", "bad name", "depth"],
)
def test_a_flaw_is_a_fault_of_its_record_and_the_others_are_read(record, field, reason):
    taken = frame_records(decode(f'[{{"sku": "a", "v": "ok"}}, {record}, {{"sku": "b", "v": "ok"}}]'))

    assert [(fault["row"], fault["field"], fault["reason"]) for fault in taken.faults.to_dicts()] == [
        (1, field, reason)
    ]
    assert taken.frame["sku"].to_list() == ["a", "x", "b"]
    assert taken.frame.height == 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "EmptyText"),
        (" \n", "EmptyText"),
        ("<html>", "InvalidJson"),
        ("[1] trailing", "InvalidJson"),
        ('[{"a": 1', "InvalidJson"),
        (b"\xff\xfe[\x00]\x00", "InvalidText"),
        ("[" * 100_000, "TooDeep"),
        ('{"a":' * 100_000, "TooDeep"),
    ],
    ids=["empty", "blank", "html", "trailing", "cut", "utf-16", "deep list", "deep object"],
)
def test_text_that_is_not_json_is_refused_with_its_reason(text, reason):
    with pytest.raises(JsonError) as caught:
        decode(text)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "texts",
    [
        ['{"a":[1', "2]}", '{},{"b":3}'],  # as many values as texts, if the texts could reach into one another
        ['{"a":1', '"b":2}', "1,2"],
        ["[[1", "2]]", "3],[4"],
        ['"x', 'y"', "1,2"],
        ["1", "", "2"],
        ["1,2,3", "4"],
    ],
)
def test_texts_that_are_decoded_together_stay_apart(texts):
    assert [_alone(text) for text in texts] == [
        value.reason if isinstance(value, JsonError) else value for value in decode_all(texts)
    ]


def _alone(text):
    try:
        return decode(text)
    except JsonError as error:
        return error.reason


@given(st.lists(st.text('{}[],:"1a \\', max_size=6), max_size=8))
def test_many_texts_give_what_each_of_them_gives_alone(texts):
    assert [_alone(text) for text in texts] == [
        value.reason if isinstance(value, JsonError) else value for value in decode_all(texts)
    ]


def test_thousands_of_texts_come_back_in_order():
    assert decode_all([str(number) for number in range(2_500)]) == list(range(2_500))


def test_a_byte_order_mark_is_skipped():
    assert decode(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_elements_that_are_no_objects_are_named_and_left_out():
    taken = frame_records(decode('[1, {"a": 1}, null, [2], {"a": 2}]'))

    assert taken.strays == (0, 2, 3)
    assert taken.frame["a"].to_list() == [1, 2]


def test_data_that_stands_as_names_is_refused_instead_of_filling_the_memory():
    with pytest.raises(JsonError, match="4096"):
        frame_records([{str(number): number} for number in range(5000)])


def test_inner_data_that_stands_as_names_becomes_text():
    frame = frame_records([{"stock": {str(number): number}} for number in range(5000)]).frame

    assert frame["stock"][4999] == '{"4999":4999}'


def test_declared_types_are_taken_where_they_hold_all_values_exactly():
    declared = (
        DeclaredField(name="code", type="string"),
        DeclaredField(name="price", type="decimal(12,2)"),
        DeclaredField(name="ratio", type="decimal(12,2)"),
        DeclaredField(name="weight", type="float"),
        DeclaredField(name="absent", type="integer"),
    )

    frame = framed('[{"code": 7, "price": 1, "ratio": 1.005, "weight": 1.5}]', declared)

    assert frame.schema == {
        "code": pl.String(),
        "price": pl.Decimal(38, 2),
        "ratio": pl.Decimal(38, 3),
        "weight": pl.Float64(),
        "absent": pl.Int64(),
    }
    assert frame.row(0) == ("7", Decimal("1.00"), Decimal("1.005"), 1.5, None)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(-(10**12), 10**12, allow_nan=False, places=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


def _plain(value):
    """What JSON says, as Python's own reader sees it: numbers by value, absent members as null."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


@given(
    st.dictionaries(NAMES, SCALARS, max_size=5),
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(10**30), 10**30),  # with three decimals there is room for 35 digits; with more all are text
            st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-999, max_value=999),
        ),
        max_size=4,
    ),
    st.lists(
        st.fixed_dictionaries({"a": st.integers(), "b": st.text(st.characters(exclude_categories=["Cs"]), max_size=4)}),
        max_size=3,
    ),
)
def test_what_is_rendered_is_what_was_read(scalars, numbers, lines):
    record = {**scalars, "numbers": numbers, "lines": lines}
    text = "[" + _dump(record) + "]"

    back = json.loads(render_rows(framed(text))[0], parse_float=Decimal)

    assert _plain(back) == _plain(json.loads(text, parse_float=Decimal)[0])


def _dump(value) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_dump(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def test_dates_and_times_go_out_by_iso_8601():
    frame = pl.DataFrame(
        {
            "day": [date(2026, 11, 23)],
            "utc": [datetime(2026, 11, 23, 8, 30, tzinfo=UTC)],
            "local": [datetime(2026, 11, 23, 8, 30, 0, 250_000)],  # noqa: DTZ001 - without a zone on purpose
        }
    )

    assert render_rows(frame)[0] == (
        '{"day":"2026-11-23","utc":"2026-11-23T08:30:00Z","local":"2026-11-23T08:30:00.250000"}'
    )


def test_fields_named_by_omit_null_are_left_out_only_where_they_are_null():
    frame = pl.DataFrame(
        {"sku": ["a", "b"], "mail": [None, "m"], "at": [{"city": None, "zip": None}, {"city": "Bari", "zip": "7"}]}
    )

    assert render_rows(frame, Said(omit_null=frozenset({"mail", "at.city"}))).to_list() == [
        '{"sku":"a","at":{"zip":null}}',
        '{"sku":"b","mail":"m","at":{"city":"Bari","zip":"7"}}',
    ]


@pytest.mark.parametrize("name", ["*", "^a.*$", "^.*$"])
def test_a_name_that_polars_would_take_for_a_pattern_is_a_name(name):
    frame = pl.DataFrame({name: [True], "a": [1]})

    assert decode(render_rows(frame)[0]) == {name: True, "a": 1}


def test_a_row_with_a_number_that_json_cannot_express_has_no_text():
    assert render_rows(pl.DataFrame({"v": [1.5, math.nan, math.inf, None]})).to_list() == [
        '{"v":1.5}',
        None,
        None,
        '{"v":null}',
    ]


def test_a_type_without_a_form_in_json_is_a_fault_of_the_mapping():
    with pytest.raises(ConfigurationError, match="picture"):
        render_rows(pl.DataFrame({"picture": [b"\x00"]}))


@pytest.mark.bench
def test_fifty_thousand_records_are_decoded_and_framed_in_time():
    numbers = random.Random(1)
    records = [
        {
            "sku": f"{row:07d}",
            "text": "x" * 300,
            "price": numbers.randrange(10**6) / 100,
            "stock": row,
            "active": True,
            "none": None,
        }
        for row in range(50_000)
    ]
    text = json.dumps(records).encode()

    started = time.process_time()
    frame = framed(text)
    elapsed = time.process_time() - started

    assert frame.height == 50_000
    assert elapsed < 0.35 * 2, f"{elapsed:.2f} s"


def test_a_column_of_nothing_but_nulls_has_no_type_unless_it_is_a_key():
    frame = frame_records(decode('[{"sku": null, "v": null, "l": [], "s": {"a": null}}]'), needed=["sku"]).frame

    assert frame.schema == {
        "sku": pl.String,
        "v": pl.Null,
        "l": pl.List(pl.Null),
        "s": pl.Struct({"a": pl.Null}),
    }


def test_a_number_beside_text_is_never_taken_for_thousands():
    frame = framed('[{"v": 1.234}, {"v": "1.234"}, {"v": -12.345}, {"v": 1.2345}, {"v": 1234.567}, {"v": 7}]')

    assert frame["v"].to_list() == ["1.2340", "1.234", "-12.3450", "1.2345", "1234.567", "7"]


def test_text_of_json_fields_goes_out_as_what_it_says():
    frame = pl.DataFrame(
        {"a": ['{"p": 1.50}', None, "null", "[1]"], "t": ["{}"] * 4, "l": [[{"j": '"x"', "t": "1"}], [], None, []]}
    )

    texts = render_rows(frame, Said(omit_null=frozenset({"a"}), json_fields=frozenset({"a", "l.j"})))

    assert texts.to_list() == [
        '{"a":{"p": 1.50},"t":"{}","l":[{"j":"x","t":"1"}]}',
        '{"t":"{}","l":[]}',
        '{"a":null,"t":"{}","l":null}',
        '{"a":[1],"t":"{}","l":[]}',
    ]
