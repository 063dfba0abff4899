"""Writes under a condition: nobody's change is overwritten unseen, and a run that was outlived writes nothing."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from conditional_store import EtagStore, VersionStore
from exchange import delivery
from record_store import RecordStore
from rest_writes import OWN_IDS, UPSERT, outcomes
from scripted_server import Reply

from ponte.errors import ConfigurationError, TransientError

ETAG = {**UPSERT, "condition": {"etag": {}}}
VERSION = {**UPSERT, "condition": {"version": {"field": "version", "parameter": "version"}}}
BODY_VERSION = {
    "upsert": "PUT /products/{sku}",
    "get": "GET /products/{sku}",
    "condition": {"version": {"field": "version"}},
}
ROW = [{"sku": "a", "price": 2}]


@pytest.fixture
def store(server):
    """A shop with the record `a`, which takes writes only under an ETag."""
    held = EtagStore(RecordStore())
    held.store.records["a"] = {"sku": "a", "price": 1, "note": "ours"}
    server.answer = held.answer
    return held


async def test_an_update_is_bound_to_the_record_that_was_read(server, open_system, store):
    target = open_system(write=ETAG).target("products")
    tag = store.tag(store.store.records["a"])

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]

    assert [(seen.method, seen.headers.get("If-Match")) for seen in server.seen] == [("GET", None), ("PUT", tag)]
    assert server.seen[0].headers["Accept-Encoding"] == "identity"
    assert store.store.records["a"] == {"sku": "a", "price": 2, "note": "ours"}


async def test_what_somebody_changed_in_between_is_read_again_and_stays(server, open_system, store):
    store.store.merges = False
    edits = ["theirs"]

    def meddle():
        if edits:
            store.store.records["a"] = {**store.store.records["a"], "note": edits.pop()}

    store.between = meddle
    target = open_system(write={**ETAG, "semantics": "replace"}).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]

    assert [seen.method for seen in server.seen] == ["GET", "PUT", "GET", "PUT"]
    assert store.store.records["a"] == {"sku": "a", "price": 2, "note": "theirs"}


async def test_a_record_that_is_changed_all_the_time_is_a_conflict_after_three_tries(server, open_system, store):
    def meddle():
        store.store.records["a"]["note"] += "!"

    store.between = meddle
    target = open_system(write=ETAG).target("products")

    answers = await target.deliver(delivery("update", ROW))

    assert answers["reason"].to_list() == ["Conflict"]
    assert len(server.asked("PUT")) == 3
    assert store.store.records["a"]["price"] == 1


async def test_a_run_that_was_paused_and_outlived_overwrites_nothing(server, open_system, store, clock):
    def pause():
        store.store.records["a"] = {"sku": "a", "price": 3, "note": "newer"}
        clock.time += timedelta(hours=1)

    store.between = pause
    target = open_system(write=ETAG).target("products")

    with pytest.raises(TransientError):
        await target.deliver(delivery("update", ROW))

    assert server.asked("PUT") == []


async def test_a_run_that_pauses_after_its_last_look_at_the_clock_is_stopped_by_the_condition(
    server, open_system, store, clock
):
    def answer(seen):
        if seen.method == "PUT":  # it was under way when the process stood still; its successor was here before it
            store.store.records["a"] = {"sku": "a", "price": 3, "note": "newer"}
            clock.time += timedelta(hours=1)
        return store.answer(seen)

    server.answer = answer
    target = open_system(write=ETAG).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["unknown"]

    assert len(server.asked("PUT")) == 1
    assert store.store.records["a"]["price"] == 3


async def test_a_write_that_met_its_own_first_sending_and_then_silence_is_unknown(server, open_system, store):
    lost = []

    def answer(seen):
        if lost and seen.method == "GET":
            return Reply(429)
        reply = store.answer(seen)
        if seen.method == "PUT" and not lost:
            lost.append(seen)
            return Reply(is_dropped=True)
        return reply

    server.answer = answer
    target = open_system(write=ETAG).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["unknown"]
    assert store.store.records["a"]["price"] == 2


async def test_a_create_is_good_only_while_there_is_no_record(server, open_system, store):
    target = open_system(write=ETAG).target("products")

    answers = await target.deliver(delivery("create", [*ROW, {"sku": "b", "price": 5}]))

    assert [seen.headers.get("If-None-Match") for seen in server.seen] == ["*", "*"]
    assert answers["outcome"].to_list() == ["rejected", "done"]
    assert answers["reason"].to_list() == ["Conflict", None]
    assert store.store.records["a"]["price"] == 1
    assert target.capabilities.upserts is False  # so that the engine looks first, and goes by onExisting
    assert target.capabilities.finds is True


async def test_a_create_whose_answer_is_lost_is_unknown_and_not_repeated_into_its_own_conflict(
    server, open_system, store
):
    server.answer = lambda seen: Reply(is_dropped=True)
    target = open_system(write=ETAG).target("products")

    assert outcomes(await target.deliver(delivery("create", ROW))) == ["unknown"]
    assert len(server.seen) == 1


async def test_an_update_whose_answer_is_lost_is_read_and_made_again(server, open_system, store):
    lost = [True]

    def answer(seen):
        reply = store.answer(seen)
        return Reply(is_dropped=True) if seen.method == "PUT" and lost and lost.pop() else reply

    server.answer = answer
    target = open_system(write=ETAG).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]
    assert store.store.records["a"]["price"] == 2


@pytest.mark.parametrize(
    ("headers", "words"), [({}, "no ETag"), ({"ETag": 'W/"7"'}, "only the weak ETag")], ids=["none", "weak"]
)
async def test_without_a_tag_that_can_be_used_nothing_is_written(server, open_system, headers, words):
    server.answer = lambda seen: Reply(200, {"sku": "a"}, headers=headers)
    target = open_system(write=ETAG).target("products")

    with pytest.raises(ConfigurationError, match=words) as caught:
        await target.deliver(delivery("update", ROW))

    assert caught.value.reason == "EtagMissing"
    assert server.asked("PUT") == []


async def test_a_server_that_refuses_its_own_tag_is_not_asked_for_ever(server, open_system):
    server.answer = lambda seen: Reply(412) if seen.method == "PUT" else Reply(200, {}, headers={"ETag": '"1"'})
    target = open_system(write=ETAG).target("products")

    answers = await target.deliver(delivery("update", ROW))

    assert answers["reason"].to_list() == ["Conflict"]
    assert [seen.method for seen in server.seen] == ["GET", "PUT", "GET"]


async def test_a_server_that_ignores_conditions_is_written_to_as_ever(server, open_system):
    store = RecordStore()
    store.records["a"] = {"sku": "a", "price": 1}

    def answer(seen):
        reply = store.answer(seen)
        return Reply(reply.status, reply.json, headers={"ETag": '"always"'})

    server.answer = answer
    target = open_system(write=ETAG).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]
    assert len(server.seen) == 2


async def test_a_removal_is_bound_too_and_what_is_gone_already_is_done(server, open_system, store):
    target = open_system(write=ETAG).target("products")
    gone = delivery("delete", pl.DataFrame({"sku": ["a", "b"]}))

    assert outcomes(await target.deliver(gone)) == ["done", "done"]

    assert [seen.headers.get("If-Match") is not None for seen in server.seen if seen.method == "DELETE"] == [True]
    assert store.store.records == {}


async def test_what_is_gone_when_it_should_be_changed_is_not_found(server, open_system, store):
    target = open_system(write=ETAG).target("products")

    answers = await target.deliver(delivery("update", [{"sku": "b", "price": 1}]))

    assert answers["reason"].to_list() == ["NotFound"]


async def test_a_server_that_wants_conditions_says_so_in_words_that_help(server, open_system, store):
    target = open_system(write=UPSERT).target("products")

    with pytest.raises(ConfigurationError, match=r"write\.condition"):
        await target.deliver(delivery("update", ROW))


async def test_ids_of_its_own_go_with_conditions_too(server, open_system):
    store = EtagStore(RecordStore(gives_ids=True))
    server.answer = store.answer
    target = open_system(list={"records": "items"}, write={**OWN_IDS, "condition": {"etag": {}}}).target("products")

    made = await target.deliver(delivery("create", ROW))
    changed = await target.deliver(delivery("update", [{"sku": "a", "price": 9}], made["target_id"].to_list()))

    assert outcomes(changed) == ["done"]
    assert store.store.records["1"]["price"] == 9


@pytest.fixture
def versions(server):
    """A shop with the record `a`, whose version goes along with each write."""
    held = VersionStore(RecordStore())
    held.store.records["a"] = {"sku": "a", "price": 1, "version": 7}
    server.answer = held.answer
    return held


async def test_a_version_goes_back_in_the_body_as_the_number_it_was(server, open_system, versions):
    target = open_system(write=BODY_VERSION).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]

    assert server.seen[-1].json == {"sku": "a", "price": 2, "version": 7}
    assert versions.store.records["a"]["version"] == 8


async def test_a_version_that_grew_in_between_is_read_again(server, open_system, versions):
    grown = [9]

    def meddle():
        if grown:
            versions.store.records["a"]["version"] = grown.pop()

    versions.between = meddle
    target = open_system(write=BODY_VERSION).target("products")

    assert outcomes(await target.deliver(delivery("update", ROW))) == ["done"]
    assert versions.store.records["a"] == {"sku": "a", "price": 2, "version": 10}


async def test_a_version_goes_in_the_query_or_in_a_header_where_the_server_wants_it_there(
    server, open_system, versions
):
    target = open_system(write=VERSION).target("products")
    assert outcomes(await target.deliver(delivery("delete", pl.DataFrame({"sku": ["a"]})))) == ["done"]
    assert server.asked("DELETE") == ["/products/a?version=7"]

    server.answer = lambda seen: Reply(200, {"meta": {"rev": "x/1"}})
    condition = {"version": {"field": "meta.rev", "header": "X-Revision"}}
    headed = open_system(write={**UPSERT, "condition": condition}).target("products")
    await headed.deliver(delivery("update", ROW))
    assert server.seen[-1].headers["X-Revision"] == "x/1"


async def test_a_conflict_that_is_none_of_versions_is_told_at_once(server, open_system):
    server.answer = lambda seen: (
        Reply(409, {"error": "name exists"}) if seen.method == "PUT" else Reply(200, {"version": 1})
    )
    target = open_system(write=BODY_VERSION).target("products")

    answers = await target.deliver(delivery("update", ROW))

    assert answers["message"].to_list() == ["HTTP 409: name exists"]
    assert len(server.asked("PUT")) == 1


async def test_a_version_that_is_not_in_the_record_is_a_fault_of_the_settings(server, open_system, store):
    target = open_system(write=BODY_VERSION).target("products")

    with pytest.raises(ConfigurationError) as caught:
        await target.deliver(delivery("update", ROW))

    assert caught.value.reason == "VersionNotInRecord"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        ({"upsert": "PUT /products/{sku}", "condition": {"etag": {}}}, r"needs write\.get"),
        ({**ETAG, "bulk": {"request": "POST /bulk"}}, r"write\.bulk"),
        ({**UPSERT, "condition": {"version": {"field": "version"}}}, r"write\.delete has no body"),
    ],
    ids=["nothing to read", "bulk", "delete without a place"],
)
def test_conditions_that_cannot_be_kept_are_refused_early(open_system, write, words):
    with pytest.raises(ConfigurationError, match=words):
        open_system(write=write).target("products")
