"""The rest connector as source: every kind of paging, and the traps of each."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import polars as pl
import pytest
from exchange import ITEMS, column, read_all
from record_store import RecordStore
from scripted_server import Reply

from ponte.engine.ports import Read
from ponte.errors import ConfigurationError, CredentialsRefused, TransientError, UsageError

PAGINGS = {
    "page": {"page": {"sizeParameter": "size", "size": 100}},
    "page from zero": {"page": {"sizeParameter": "size", "size": 100, "first": 0}},
    "offset": {"offset": {"limit": 100}},
    "cursor": {"cursor": {"next": "next", "sizeParameter": "size", "size": 100}},
    "link header": {"link": {"sizeParameter": "size", "size": 100}},
    "none": None,
}


def pages_of(*pages, total=None):
    """Answers page by page (from 1) with lists of keys; behind the last one empty pages."""

    def answer(seen):
        number = int(seen.query["page"])
        keys = pages[number - 1] if number <= len(pages) else []
        return Reply(200, {"items": [{"sku": key} for key in keys], "total": total})

    return answer


@pytest.fixture
def paged(open_system):
    """A source that reads pages of two by number."""
    return lambda size=2: open_system(
        rest={"pagination": {"page": {"size": size}}}, list={"records": "items", "total": "total"}
    ).source("products")


@pytest.mark.parametrize("count", [0, 1, 100, 250, 1000])
@pytest.mark.parametrize("kind", PAGINGS)
async def test_a_list_is_read_whole_and_in_order_whatever_its_paging(server, open_system, kind, count):
    store = RecordStore()
    store.fill(count)

    def answer(seen):
        if kind == "page from zero":
            seen.query["page"] = str(int(seen.query["page"]) + 1)
        if kind == "none":
            seen.query["size"] = "5000"
        return store.answer(seen)

    server.answer = answer
    source = open_system(rest={"pagination": PAGINGS[kind]}, list=ITEMS).source("products")

    batches = await read_all(source, 300)

    assert column(batches, "sku") == list(store.records)
    assert all(batch.frame.height <= 300 for batch in batches)
    assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert batches[-1].announced == count


async def test_numbers_of_a_page_are_exact(server, open_system):
    server.answer = lambda seen: Reply(text='[{"sku": "a", "price": 12345678901234567.89}]')

    batches = await read_all(open_system().source("products"))

    assert column(batches, "price") == [Decimal("12345678901234567.89")]


async def test_pages_by_number_are_read_ahead_but_never_more_than_connections(server, open_system):
    store = RecordStore()
    store.fill(2000)

    async def answer(seen):
        for _ in range(50):  # gives the others the time to arrive
            await asyncio.sleep(0)
        return store.answer(seen)

    server.answer = answer
    source = open_system(rest={"pagination": PAGINGS["offset"]}, list=ITEMS, limits={"connections": 3}).source(
        "products"
    )

    await read_all(source)

    assert server.most_in_flight == 3


async def test_a_reading_resumes_behind_a_batch(server, open_system):
    store = RecordStore()
    store.fill(500)
    server.answer = store.answer
    for kind in ("page", "offset", "cursor", "link header"):
        source = open_system(rest={"pagination": PAGINGS[kind]}, list=ITEMS).source("products")
        first = await anext(aiter(source.read(Read("all", 200))))

        rest = await read_all(source, 200, resume=first.position)

        assert first.frame["sku"].to_list() + column(rest, "sku") == list(store.records)
        assert rest[-1].is_last


async def test_a_page_larger_than_a_batch_is_split(server, open_system):
    server.answer = lambda seen: Reply(json=[{"sku": str(number)} for number in range(25)])

    batches = await read_all(open_system().source("products"), 10)

    assert [batch.frame.height for batch in batches] == [10, 10, 5]
    assert [batch.is_last for batch in batches] == [False, False, True]


async def test_an_empty_page_in_the_middle_does_not_end_the_list(server, paged):
    server.answer = pages_of(["a", "b"], [], ["c", "d"])

    batches = await read_all(paged())

    assert column(batches, "sku") == ["a", "b", "c", "d"]
    assert batches[-1].is_last


async def test_a_short_page_does_not_end_the_list(server, paged):
    server.answer = pages_of(["a", "b"], ["c"], ["d", "e"])

    assert column(await read_all(paged()), "sku") == ["a", "b", "c", "d", "e"]


async def test_a_server_that_gives_less_than_the_limit_loses_no_record_by_offset(server, open_system):
    store = RecordStore()
    store.fill(130)

    def answer(seen):
        seen.query["limit"] = "30"
        return store.answer(seen)

    server.answer = answer
    source = open_system(rest={"pagination": {"offset": {"limit": 100}}}, list={"records": "items"}).source("products")

    assert column(await read_all(source), "sku") == list(store.records)


async def test_fewer_records_than_announced_are_no_complete_reading(server, paged):
    server.answer = pages_of(["a", "b"], ["c"], total=5)

    batches = await read_all(paged())

    assert column(batches, "sku") == ["a", "b", "c"]
    assert not batches[-1].is_last
    assert batches[-1].announced == 5


async def test_a_total_that_is_too_small_does_not_cut_the_list(server, paged):
    server.answer = pages_of(["a", "b"], ["c", "d"], ["e"], total=2)

    assert column(await read_all(paged()), "sku") == ["a", "b", "c", "d", "e"]


async def test_a_page_that_repeats_for_ever_is_refused(server, paged):
    server.answer = lambda seen: Reply(json={"items": [{"sku": "a"}, {"sku": "b"}]})

    with pytest.raises(ConfigurationError) as caught:
        await read_all(paged())

    assert caught.value.reason == "PageRepeats"
    assert len(server.seen) < 15


async def test_a_404_behind_the_last_page_is_its_end(server, paged):
    known = pages_of(["a", "b"], ["c", "d"])
    server.answer = lambda seen: known(seen) if int(seen.query["page"]) < 3 else Reply(404, {"detail": "Invalid page."})

    batches = await read_all(paged())

    assert column(batches, "sku") == ["a", "b", "c", "d"]
    assert batches[-1].is_last


async def test_a_404_of_a_server_that_is_going_away_is_no_end(server, paged):
    answered = []

    def answer(seen):
        answered.append(seen.query["page"])
        return Reply(json={"items": [{"sku": str(len(answered))}, {"sku": "x"}]}) if len(answered) < 3 else Reply(404)

    server.answer = answer

    with pytest.raises(TransientError) as caught:
        await read_all(paged())

    assert caught.value.reason == "PageGone"


async def test_a_token_that_comes_back_is_refused_instead_of_read_for_ever(server, open_system):
    tokens = {"": "a", "a": "b", "b": "a"}
    server.answer = lambda seen: Reply(
        json={"items": [{"sku": seen.query.get("cursor", "")}], "next": tokens[seen.query.get("cursor", "")]}
    )
    source = open_system(rest={"pagination": {"cursor": {"next": "next"}}}, list=ITEMS).source("products")

    with pytest.raises(ConfigurationError) as caught:
        await read_all(source)

    assert caught.value.reason == "PagingLoops"


async def test_an_expired_token_stops_the_reading_but_a_resumed_one_starts_again(server, open_system):
    def answer(seen):
        if "cursor" in seen.query:
            return Reply(410, {"error": "token expired"})
        return Reply(json={"items": [{"sku": "a"}], "next": "t1"})

    server.answer = answer
    source = open_system(rest={"pagination": {"cursor": {"next": "next"}}}, list=ITEMS).source("products")

    with pytest.raises(TransientError) as caught:
        await read_all(source)
    assert caught.value.reason == "CursorExpired"

    server.answer = lambda seen: (
        Reply(410) if "cursor" in seen.query else Reply(json={"items": [{"sku": "a"}], "next": None})
    )
    assert column(await read_all(source, resume="t0"), "sku") == ["a"]


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:9/products",
        "https://{host}/products",
        "http://169.254.169.254/latest/meta-data",
        "//127.0.0.1:9/products",
        "file:///etc/passwd",
        "http://user:secret@{host}/products",
    ],
)
@pytest.mark.parametrize("place", ["header", "body"])
async def test_a_next_link_that_leaves_the_system_is_not_followed(server, open_system, link, place):
    target = link.format(host=server.base_url.partition("//")[2])
    headers = {"Link": f'<{target}>; rel="next"'} if place == "header" else {}
    server.answer = lambda seen: Reply(json={"items": [{"sku": "a"}], "links": {"next": target}}, headers=headers)
    pagination = {"link": {"next": "links.next"} if place == "body" else {}}
    source = open_system(rest={"pagination": pagination}, list=ITEMS).source("products")

    with pytest.raises(ConfigurationError) as caught:
        await read_all(source)

    assert caught.value.reason in {"LinkLeavesSystem", "AddressNotAllowed"}
    assert "secret" not in caught.value.message
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text="<html>We are back soon</html>", headers={"Content-Type": "text/html"}),
        Reply(text=""),
        Reply(text='[{"sku": "a"'),
        Reply(json={"error": "out of order"}),
    ],
    ids=["html", "empty", "cut", "error body"],
)
async def test_an_answer_that_is_no_list_is_asked_for_again_and_then_transient(server, open_system, reply):
    replies = [reply, Reply(json=[{"sku": "a"}])]
    server.answer = lambda seen: replies.pop(0) if replies else reply
    source = open_system().source("products")

    assert column(await read_all(source), "sku") == ["a"]
    with pytest.raises(TransientError) as caught:
        await read_all(source)
    assert caught.value.reason == "UnreadableAnswer"


async def test_an_object_where_a_list_should_be_names_what_it_holds(server, open_system):
    server.answer = lambda seen: Reply(json={"data": [], "count": 0})

    with pytest.raises(ConfigurationError, match="data, count") as caught:
        await read_all(open_system().source("products"))

    assert caught.value.reason == "RecordsNotFound"


async def test_an_empty_object_where_a_list_should_be_is_called_empty(server, open_system):
    server.answer = lambda seen: Reply(json={})

    with pytest.raises(ConfigurationError, match="it is an empty object"):
        await read_all(open_system().source("products"))


async def test_elements_that_are_no_objects_are_unreadable_and_the_rest_is_read(server, open_system):
    server.answer = lambda seen: Reply(text='[{"sku": "a"}, 7, {"sku": "b", "v": NaN}]')

    (batch,) = await read_all(open_system().source("products"))

    assert batch.frame["sku"].to_list() == ["a", "b"]
    assert [piece.reason for piece in batch.unreadable] == ["NotAnObject"]
    assert batch.faults.to_dicts()[0]["reason"] == "NotANumber"


async def test_the_columns_asked_for_stand_in_every_batch_also_where_no_record_has_them(server, open_system):
    server.answer = lambda seen: Reply(json=[{"sku": "a", "more": 1}])
    source = open_system(cursor={"field": "changed"}, version="version").source("products")

    (batch,) = await read_all(source, columns=("sku", "name"))
    (whole,) = await read_all(source)

    assert batch.frame.rows(named=True) == [{"sku": "a", "name": None}]
    assert set(whole.frame.columns) == {"sku", "more", "changed", "version"}


async def test_changes_are_asked_for_by_parameter_and_checked_again(server, open_system):
    records = [{"sku": str(day), "changed": f"2026-11-{day:02d}T00:00:00Z"} for day in range(1, 30)]
    server.answer = lambda seen: Reply(json=[*records, {"sku": "null", "changed": None}])
    source = open_system(cursor={"field": "changed", "parameter": "since", "upperParameter": "until"}).source(
        "products"
    )

    batches = await read_all(source, mode="changes", lower="2026-11-10T00:00:00Z", upper="2026-11-12T00:00:00Z")

    assert column(batches, "sku") == ["10", "11", "12", "null"]
    assert server.seen[0].query == {"since": "2026-11-10T00:00:00Z", "until": "2026-11-12T00:00:00Z"}


async def test_a_bound_that_is_no_cursor_is_a_wrong_command_line_and_nothing_is_asked_for(server, open_system):
    server.answer = lambda seen: Reply(json=[{"sku": "a", "changed": "2026-11-10T00:00:00Z"}])
    source = open_system(cursor={"field": "changed", "parameter": "since"}).source("products")

    with pytest.raises(UsageError, match=r"--to soon .*such as --to 2026-"):
        await read_all(source, mode="range", lower="2026-11-10", upper="soon")

    assert server.seen == []


async def test_changes_are_not_offered_without_a_parameter_for_them(open_system):
    source = open_system(cursor={"field": "changed"}).source("products")

    assert source.capabilities.reads == {"all"}
    with pytest.raises(ConfigurationError, match=r"cursor\.parameter"):
        source.read(Read("changes", 10))


async def test_the_upper_bound_of_times_is_the_servers_clock(server, open_system):
    server.answer = lambda seen: Reply(
        json=[{"sku": "a", "changed": "2026-01-01T00:00:00+01:00"}], headers={"Date": "Mon, 23 Nov 2026 10:00:00 GMT"}
    )
    source = open_system(cursor={"field": "changed", "parameter": "since"}).source("products")

    assert await source.upper_bound() == "2026-11-23T10:00:00+00:00"


@pytest.mark.parametrize(
    ("values", "bound"),
    [([3, 11, 7, None], "11"), (["2026-01-02T03:04:05", "2025-01-01T00:00:00"], "2026-01-02T03:04:05"), ([], None)],
    ids=["numbers", "local times", "nothing"],
)
async def test_the_upper_bound_of_anything_else_is_the_greatest_value(server, open_system, values, bound):
    server.answer = lambda seen: Reply(json=[{"sku": "a", "changed": value} for value in values])
    source = open_system(cursor={"field": "changed", "parameter": "since"}).source("products")

    assert await source.upper_bound() == bound


@pytest.mark.parametrize(
    "write", [{"get": "GET /products/{sku}"}, {"find": {"parameters": [{"name": "sku", "field": "sku"}]}}]
)
async def test_single_records_are_read_by_key(server, open_system, write):
    store = RecordStore()
    store.fill(3)
    store.records["a/b?#%"] = {"sku": "a/b?#%", "price": 1}
    server.answer = store.answer
    source = open_system(list={"records": "items"}, write=write).source("products")

    batches = await read_all(source, mode="keys", keys=pl.DataFrame({"sku": ["0001", "missing", "a/b?#%"]}))

    assert sorted(column(batches, "sku")) == ["0001", "a/b?#%"]
    assert batches[-1].is_last


async def test_a_find_that_the_server_ignores_finds_only_what_was_meant(server, open_system):
    server.answer = lambda seen: Reply(json=[{"sku": "1"}, {"sku": "01"}, {"sku": 1}])
    source = open_system(write={"find": {"parameters": [{"name": "q", "field": "sku"}]}}).source("products")

    batches = await read_all(source, mode="keys", keys=pl.DataFrame({"sku": ["01"]}))

    assert column(batches, "sku") == ["01"]


async def test_a_list_that_may_not_be_read_is_a_matter_of_credentials(server, open_system):
    server.answer = lambda seen: Reply(403, {"message": "no scope catalogue"})

    with pytest.raises(CredentialsRefused):
        await read_all(open_system().source("products"))


async def test_a_refused_request_says_what_the_server_said(server, open_system):
    server.answer = lambda seen: Reply(
        400, {"errors": [{"message": "unknown parameter \u202epage\n\x1b[31m" + "x" * 5000}]}
    )

    with pytest.raises(ConfigurationError, match="unknown parameter") as caught:
        await read_all(open_system().source("products"))

    assert len(caught.value.message) < 600
    assert caught.value.message.isprintable()


async def test_one_answer_with_less_than_announced_is_no_complete_reading(server, open_system):
    server.answer = lambda seen: Reply(json={"items": [{"sku": "a"}], "total": 2})

    (batch,) = await read_all(open_system(list=ITEMS).source("products"))

    assert (batch.is_last, batch.announced) == (False, 2)


async def test_a_refused_login_is_tried_once_however_many_keys_are_read(server, open_system):
    async def answer(seen):
        for _ in range(50):  # gives the others the time to arrive
            await asyncio.sleep(0)
        return Reply(401)

    server.answer = answer
    source = open_system(write={"get": "GET /products/{sku}"}, limits={"connections": 20}).source("products")

    with pytest.raises(CredentialsRefused):
        await read_all(source, mode="keys", keys=pl.DataFrame({"sku": [str(number) for number in range(40)]}))

    assert len(server.seen) == 1


MORE = {"cursor": {"next": "end", "more": "more"}}


async def test_a_list_ends_where_the_answer_says_that_nothing_follows_whatever_token_it_gives(server, open_system):
    server.answer = lambda seen: Reply(json={"items": [{"sku": "a"}], "end": "t1", "more": False})

    batches = await read_all(open_system(rest={"pagination": MORE}, list={"records": "items"}).source("products"))

    assert column(batches, "sku") == ["a"]
    assert batches[-1].is_last
    assert len(server.seen) == 1


@pytest.mark.parametrize(("end", "more"), [(None, True), ("t1", "perhaps"), ("t1", None)])
async def test_a_page_that_is_said_to_follow_and_is_not_named_stops_the_reading(server, open_system, end, more):
    server.answer = lambda seen: Reply(json={"items": [{"sku": "a"}], "end": end, "more": more})

    with pytest.raises(ConfigurationError):
        await read_all(open_system(rest={"pagination": MORE}, list={"records": "items"}).source("products"))


async def test_a_list_may_be_paged_in_a_way_of_its_own_and_hold_its_records_deeper(server, open_system):
    server.answer = lambda seen: Reply(
        json={"edges": [{"node": {"sku": "a"}}, {"cursor": "x"}], "end": None, "more": False}
    )
    listing = {"records": "edges", "element": "node", "pagination": MORE}
    system = open_system(rest={"pagination": {"page": {}}}, list=listing)

    (batch,) = await read_all(system.source("products"))

    assert batch.frame["sku"].to_list() == ["a"]
    assert [one.reason for one in batch.unreadable] == ["NotAnObject"]
    assert "page" not in server.seen[0].query
