"""Answers that are odd or hostile: each ends in a reason, and nothing is lost or taken for what it is not."""

from __future__ import annotations

import pytest
from exchange import column, delivery, read_all
from rest_writes import OWN_IDS
from scripted_server import Reply

from ponte.errors import ConfigurationError, TransientError

GOOD = '{"sku": "good", "v": 1}'


@pytest.mark.parametrize(
    "reply",
    [
        Reply(text=f"[{GOOD}]", headers={"Content-Type": "text/plain"}),
        Reply(text=f"[{GOOD}]", headers={"Content-Type": "application/octet-stream; charset=latin-1"}),
        Reply(text=f"\ufeff[{GOOD}]"),
    ],
    ids=["text/plain", "another charset", "byte order mark"],
)
async def test_json_is_read_whatever_it_is_called(server, open_system, reply):
    server.answer = lambda seen: reply

    assert column(await read_all(open_system().source("products")), "sku") == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        f"[{GOOD}] x",
        f"[{GOOD}][{GOOD}]",
        f"{GOOD}\n{GOOD}",
        "[" * 10_000,
        "[" * 10_000 + "]" * 10_000,
        "\ufeff",
        "<!-- x -->",
    ],
    ids=["trailing garbage", "two texts", "lines", "deep and cut", "deep", "only a mark", "markup"],
)
async def test_what_is_no_json_is_asked_for_again_and_then_later(server, open_system, text):
    server.answer = lambda seen: Reply(text=text)

    with pytest.raises(TransientError) as caught:
        await read_all(open_system().source("products"))

    assert caught.value.reason == "UnreadableAnswer"
    assert len(server.seen) == 3


@pytest.mark.parametrize("text", ["7", '"text"', "true", "null", "NaN", "1e400"])
async def test_a_single_value_is_no_list_of_records(server, open_system, text):
    server.answer = lambda seen: Reply(text=text)

    with pytest.raises(ConfigurationError) as caught:
        await read_all(open_system().source("products"))
    assert caught.value.reason == "RecordsNotFound"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"sku": "bad", "v": NaN}', "NotANumber"),
        ('{"sku": "bad", "v": -Infinity}', "NotANumber"),
        ('{"sku": "bad", "v": 1, "v": 2}', "DuplicateField"),
        (r'{"sku": "bad", "v": "\ud800"}', "InvalidText"),
        (f'{{"sku": "bad", "v": {"[" * 60}{"]" * 60}}}', "TooDeep"),
    ],
)
async def test_a_bad_value_costs_its_record_and_never_the_page(server, open_system, record, reason):
    server.answer = lambda seen: Reply(text=f"[{record}, {GOOD}]")

    (batch,) = await read_all(open_system().source("products"))

    assert batch.frame["sku"].to_list() == ["bad", "good"]
    assert batch.faults.select("row", "reason").rows() == [(0, reason)]


async def test_a_number_beyond_all_bounds_stays_what_it_says(server, open_system):
    server.answer = lambda seen: Reply(text=f'[{{"sku": "huge", "v": 1e400}}, {GOOD}]')

    (batch,) = await read_all(open_system().source("products"))

    assert batch.faults is None
    assert batch.frame["v"].to_list() == ["1E+400", "1"]


@pytest.mark.parametrize(
    "text",
    [
        '{"id": 7} x',
        '{"id": 7, "id": 8}',
        '{"id": NaN}',
        '{"id": 1e400}',
        r'{"id": "\ud800"}',
        '{"id": {"a": 1}}',
        "7",
        "[" * 10_000,
    ],
    ids=["garbage", "twice", "NaN", "beyond", "half a character", "object", "scalar", "deep"],
)
async def test_a_create_whose_answer_gives_no_sound_id_is_unknown(server, open_system, text):
    server.answer = lambda seen: Reply(201, text=text)

    answers = await open_system(write=OWN_IDS).target("products").deliver(delivery("create", [{"sku": "a"}]))

    assert answers["outcome"].to_list() == ["unknown"]
    assert len(server.seen) == 1


async def test_words_that_are_no_text_do_not_end_the_run(server, open_system):
    server.answer = lambda seen: Reply(422, text=r'{"message": "no \ud800 stock\u0000 \u001b[31m"}')

    answers = await open_system(write=OWN_IDS).target("products").deliver(delivery("create", [{"sku": "a"}]))

    assert answers["outcome"].to_list() == ["rejected"]
    assert answers["message"][0].startswith("HTTP 422: no ")


@pytest.mark.parametrize("member", ["error", "errors"])
async def test_a_success_with_an_error_in_it_is_none(server, open_system, member):
    server.answer = lambda seen: Reply(200, {member: [{"message": "no stock"}]})

    answers = await open_system(write=OWN_IDS).target("products").deliver(delivery("update", [{"sku": "a"}], ["7"]))

    assert answers.select("outcome", "reason").rows() == [("rejected", "RefusedByTarget")]


async def test_a_system_that_has_its_own_word_for_success_is_believed_by_it_alone(server, open_system):
    words = iter(["OK", "BUSY", "OK"])
    server.answer = lambda seen: Reply(200, {"status": next(words), "id": 7, "text": "told"})
    errors = {
        "success": {"path": "status", "values": ["OK"]},
        "code": "status",
        "codes": [{"code": "BUSY", "means": "retryLater"}],
    }
    system = open_system(rest={"errors": errors}, write=OWN_IDS)

    answers = await system.target("products").deliver(delivery("create", [{"sku": "a"}, {"sku": "b"}]))

    assert answers["outcome"].to_list() == ["done", "done"]
    assert len(server.seen) == 3


async def test_a_list_without_the_systems_word_for_success_is_no_list(server, open_system):
    server.answer = lambda seen: Reply(200, {"status": "NOK", "items": [], "message": "out of order"})
    errors = {"success": {"path": "status", "values": ["OK"]}}
    system = open_system(rest={"errors": errors}, list={"records": "items"})

    with pytest.raises(ConfigurationError, match="out of order"):
        await read_all(system.source("products"))
