"""Any list, any paging, any trouble: a record is read exactly once as it is, or the reading ends with a clear error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from exchange import read_all
from fixed_clock import FixedClock
from hypothesis import HealthCheck, given, settings
from paged_list import PAGINGS, PagedList, Trouble, object_of
from scripted_server import ScriptedServer

from ponte.connectors.rest import connect
from ponte.engine.ports import Batch
from ponte.errors import PonteError, TransientError
from ponte.manifests.references import References
from ponte_api.sync_source import SyncSource

Read = Callable[[PagedList, int], list[Batch]]

NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(
        ["9223372036854775808", "-9223372036854775809", "1" * 38, "9" * 39, "9" * 5000, "0.1", "1.10", "-0"]
    ),
)
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["007", "1.0", "true", "null", "", "NaN", "2026-02-30"]))
SOUND = st.recursive(
    st.one_of(st.sampled_from(["null", "true", "false"]), NUMBERS, TEXTS.map(json.dumps)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(st.sampled_from("pqr"), inner, max_size=3).map(object_of),
    ),
    max_leaves=4,
)
FLAWED = st.one_of(
    st.sampled_from(["NaN", "-Infinity", r'"\ud800"', r'["a\udfff"]', '{"p": 1, "p": 2}', r'{"\ud800": 1}', "[NaN]"]),
    st.integers(40, 1200).map(lambda depth: "[" * depth + "]" * depth),
)
MOST_BRACKETS = 400
STRAYS = st.sampled_from(["7", "null", '"x"', "[]", "true", "[{}]"])
NAMES = {"cursor": "next", "link": "next"}
Record = dict[str, str]
QUICKLY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Reads a list in batches of a size through a real server; all in one loop, since examples are many."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(ScriptedServer().start())

    def read_one(listed: PagedList, size: int) -> list[Batch]:
        server.answer = listed.answer
        spec = {
            "rest": {
                "baseUrl": {"value": server.base_url},
                "allowedNetworks": ["127.0.0.0/8"],
                "pagination": PAGINGS[listed.kind],
            },
            "objects": [
                {
                    "name": "products",
                    "path": "/products",
                    "key": ["sku"],
                    "list": {"records": "items", "total": "total"},
                }
            ],
        }
        manifest = {
            "apiVersion": "ponte.dev/v1alpha1",
            "kind": "SyncSource",
            "metadata": {"name": "shop"},
            "spec": spec,
        }
        system = connect(SyncSource.model_validate(manifest), References({}), FixedClock())

        async def all_batches() -> list[Batch]:
            try:
                return await read_all(system.source("products"), size)
            finally:
                await system.close()

        return loop.run_until_complete(asyncio.wait_for(all_batches(), 60))

    yield read_one
    loop.run_until_complete(server.stop())
    loop.close()


@st.composite
def _pages(draw: st.DrawFn, values: st.SearchStrategy[str] = SOUND) -> list[list[Record]]:
    """Pages of records (fields as JSON texts); an empty page never follows another: that would be the list's end."""
    sizes = draw(st.lists(st.integers(0, 3), min_size=1, max_size=5))
    sizes = [size for at, size in enumerate(sizes) if size or at == 0 or sizes[at - 1]]
    numbers = iter(range(100))
    fields = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
    return [[{"sku": f'"k{next(numbers)}"', **draw(fields)} for _ in range(size)] for size in sizes]


def _texts(pages: list[list[Record]]) -> list[list[str]]:
    return [[object_of(record) for record in page] for page in pages]


def _held(pages: list[list[Record]]) -> list[Record]:
    return [record for page in pages for record in page]


def _keys(pages: list[list[Record]]) -> list[str]:
    return [json.loads(record["sku"]) for record in _held(pages)]


def _exactly(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _agrees(cell: Any, value: Any) -> bool:
    """Whether a cell of a frame holds exactly what JSON said; where kinds are mixed, as JSON text."""
    if value is None or isinstance(value, str):
        return bool(cell == value)
    if isinstance(cell, str):
        return bool(_exactly(cell) == value)
    if isinstance(value, bool):
        return cell is value
    if isinstance(value, Decimal):
        return not isinstance(cell, bool) and Decimal(cell) == value
    if isinstance(value, list):
        return len(cell) == len(value) and all(map(_agrees, cell, value))
    return all(_agrees(cell.get(name), value.get(name)) for name in {*cell, *value})


def _rows(batches: list[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.frame.iter_rows(named=True)]


def _is_whole(batches: list[Batch]) -> bool:
    """Whether the engine takes the reading for a whole one: it came to its end, with all that was announced."""
    announced = [batch.announced for batch in batches if batch.announced is not None]
    return batches[-1].is_last and len(_rows(batches)) >= (announced[-1] if announced else 0)


@settings(QUICKLY, max_examples=120)
@given(kind=st.sampled_from(sorted(PAGINGS)), pages=_pages(), size=st.integers(1, 7), data=st.data())
def test_each_record_of_a_sound_list_is_read_once_in_order_with_exact_values(
    read: Read, kind: str, pages: list[list[Record]], size: int, data: st.DataObject
) -> None:
    pages = [_held(pages)] if kind == "none" else pages
    count = len(_held(pages))
    total = data.draw(st.sampled_from([None, str(count), "0", str(count // 2), "null", '"many"', "-1", "1e3", "true"]))
    if total in {"0", str(count // 2)}:  # with an empty page it says that the list is over, and is believed
        pages = [page for page in pages if page] or [[]]

    batches = read(PagedList(kind, _texts(pages), total), size)

    rows = _rows(batches)
    assert [row["sku"] for row in rows] == _keys(pages)
    for row, record in zip(rows, _held(pages), strict=True):
        assert all(_agrees(row.get(name), _exactly(record.get(name, "null"))) for name in {*row, *record}), row
    assert all(batch.frame.height <= size and batch.faults is None and not batch.unreadable for batch in batches)
    assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True]


@settings(QUICKLY, max_examples=80)
@given(fields=st.lists(st.tuples(SOUND, FLAWED, st.booleans()), max_size=4), stray=st.lists(STRAYS, max_size=2))
def test_a_flaw_costs_its_field_and_nothing_else_and_is_told(
    read: Read, fields: list[tuple[str, str, bool]], stray: list[str]
) -> None:
    records = [
        {"sku": f'"k{at}"', "a": sound, "b": flawed if is_flawed else sound}
        for at, (sound, flawed, is_flawed) in enumerate(fields)
    ]
    listed = PagedList("none", [[*_texts([records])[0], *stray]])
    if max((record["b"].count("[") for record in records), default=0) > MOST_BRACKETS:
        with suppress(TransientError):  # no JSON text for some versions of Python: the page cannot be read
            read(listed, 100)
        return

    (batch,) = read(listed, 100)

    assert len(batch.unreadable) == len(stray)
    rows = batch.frame.rows(named=True)
    assert [row["sku"] for row in rows] == _keys([records])
    told = set() if batch.faults is None else set(batch.faults.select("row", "field").iter_rows())
    assert told == {(at, "b") for at, (_, _, is_flawed) in enumerate(fields) if is_flawed}
    for at, (row, record) in enumerate(zip(rows, records, strict=True)):
        assert _agrees(row["a"], _exactly(record["a"]))
        assert row["b"] is None if (at, "b") in told else _agrees(row["b"], _exactly(record["b"]))


GARBAGE = st.sampled_from(
    [
        "",
        "null",
        "{}",
        "7",
        '"x"',
        "true",
        "[]",
        "[[]]",
        "<html></html>",
        '{"items": ',
        "NaN",
        '{"error": "x"}',
        "[" * 5000,
    ]
)
WRONG = st.one_of(GARBAGE.filter(lambda text: text not in {"", "<html></html>", '{"items": ', "[" * 5000}), NUMBERS)
ENDS = {"null", "false", '""'}
NOWHERE = {"7", '"t99"', '"/products?at=t1"', '"//x/"'}
TOKENS = st.sampled_from([*sorted(ENDS | NOWHERE), "true", "[]", "{}", '"t0"', '"t1"', r'"\ud800"'])


@st.composite
def _troubles(draw: st.DrawFn, pages: int) -> Trouble:
    page, is_passing = draw(st.integers(0, pages - 1)), draw(st.booleans())
    return draw(
        st.one_of(
            st.builds(Trouble, st.just(page), text=GARBAGE, is_passing=st.just(is_passing)),
            st.builds(Trouble, st.just(page), cut=st.integers(0, 10_000), is_passing=st.just(is_passing)),
            st.builds(
                Trouble,
                st.just(page),
                text=st.sampled_from(["", "{}", "no"]),
                status=st.sampled_from([204, 206, 301, 400, 403, 404, 410, 429, 503]),
                is_passing=st.just(is_passing),
            ),
            st.builds(Trouble, st.just(page), name=st.sampled_from(["items", "total", "items "]), text=WRONG),
            st.builds(Trouble, st.just(page), name=st.sampled_from(["next", "next "]), text=TOKENS),
        )
    )


@pytest.mark.parametrize("kind", PAGINGS)
@settings(QUICKLY, max_examples=60)
@given(pages=_pages(st.just("1")), data=st.data())
def test_whatever_a_server_answers_a_reading_that_calls_itself_whole_is_whole(
    read: Read, kind: str, pages: list[list[Record]], data: st.DataObject
) -> None:
    pages = [_held(pages)] if kind == "none" else pages
    trouble = data.draw(_troubles(len(pages)))
    count = len(_held(pages))
    total = data.draw(st.sampled_from([None, None, str(count), str(count + 1), "9" * 14]))

    _assert_honest(read, PagedList(kind, _texts(pages), total, trouble), pages)


@pytest.mark.parametrize("kind", sorted({*PAGINGS} - {"none"}))
@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(1, name="items ", text="null"),
        Trouble(1, name="items ", text="[]"),
        Trouble(1, name="next ", text="null"),
        Trouble(1, status=404, is_passing=True, text="{}"),
    ],
    ids=["the list twice, and null", "the list twice, and empty", "two ends", "a 404 that passes"],
)
def test_what_would_cut_a_list_short_does_not(read: Read, kind: str, trouble: Trouble) -> None:
    pages = [[{"sku": f'"k{number}"'}] for number in range(4)]

    _assert_honest(read, PagedList(kind, _texts(pages), None, trouble), pages)


def _assert_honest(read: Read, listed: PagedList, pages: list[list[Record]]) -> None:
    """The list is read as the server may mean it, or as one that is not whole, or with an error; never without end."""
    assert listed.trouble is not None
    with suppress(PonteError):
        batches = read(listed, 3)
        keys = [row["sku"] for row in _rows(batches)]
        believed = _believed(pages, listed.trouble, listed.kind)
        assert len(keys) == len(set(keys)), "a record twice"
        assert not believed or not _is_whole(batches) or keys in [_keys(one) for one in believed]
    assert listed.asked < 40, "asked without end"


def _believed(pages: list[list[Record]], trouble: Trouble, kind: str) -> list[list[list[Record]]]:
    """The lists that the server may mean; none where it contradicts itself so that anything may be meant.

    What it says of an empty page or of the list's end is believed, unless it says something else when asked again.
    """
    at, is_numbered = trouble.page, kind in {"page", "offset"}
    before, behind = pages[:at], pages[at + 1 :]
    if trouble.status == 204 or (trouble.name == "items" and trouble.text in {"null", "[]", "[[]]"}):
        if kind == "offset":
            return []  # nothing at one offset, and something behind it
        if kind == "page":
            is_over = (before and not before[-1]) or (behind and not behind[0])
            return [[*before, *behind], *([before] if is_over else [])]
        return [before] if trouble.status == 204 else [[*before, *behind]]
    is_end = trouble.status == 404 and is_numbered and at > 0 and not trouble.is_passing
    is_last = trouble.name == "next" and trouble.text in {"cursor": ENDS | NOWHERE, "link": ENDS}.get(kind, set())
    if is_end or is_last:
        return [pages[: at + is_last]]
    return [pages]
