"""Answers of a bulk request that name their record: whatever their order, and never a guess."""

from __future__ import annotations

import pytest
from exchange import delivery
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Reply

from ponte.connectors.rest.answers import MISSING
from ponte.connectors.rest.matching import match_by_key
from ponte_api.rest_writes import BulkMatch

WRITE = {
    "upsert": "PUT /products/{sku}",
    "bulk": {"request": "POST /bulk", "answers": "results", "match": {"answer": "ref.sku", "field": "sku"}},
}
ROWS = [{"sku": "a"}, {"sku": "b"}, {"sku": "c"}]


def told(sku, status=200, **more):
    return {"ref": {"sku": sku}, "status": status, **more}


@pytest.mark.parametrize(
    ("results", "outcomes"),
    [
        ([told("c"), told("a"), told("b", 422, message="no")], ["done", "rejected", "done"]),
        ([told("c"), told("a")], ["done", "unknown", "done"]),
        ([told("a"), told("b"), told("B"), told("d")], ["done", "done", "unknown"]),
        ([told("a"), told("b"), told("b", 422), told("c")], ["done", "unknown", "done"]),
        ([{"status": 200}] * 3, ["unknown"] * 3),
        ([], ["unknown"] * 3),
        ({"a": 200}, ["unknown"] * 3),
        ([told("a"), "b", None], ["done", "unknown", "unknown"]),
    ],
    ids=["other order", "too few", "keys that nobody sent", "twice", "no keys", "none", "no list", "odd answers"],
)
async def test_an_answer_counts_for_the_record_that_it_alone_names(server, open_system, results, outcomes):
    server.answer = lambda seen: Reply(200, {"results": results})
    target = open_system(write=WRITE).target("products")

    answers = await target.deliver(delivery("create", ROWS))

    assert answers["outcome"].to_list() == outcomes
    doubtful = [reason for reason, outcome in zip(answers["reason"], outcomes, strict=True) if outcome == "unknown"]
    assert set(doubtful) <= {"AnswersDoNotMatch"}


async def test_records_that_share_the_key_stay_unknown_all_of_them(server, open_system):
    server.answer = lambda seen: Reply(200, {"results": [told("7"), told("8")]})
    bulk = {**WRITE["bulk"], "match": {"answer": "ref.sku", "field": "group"}}
    target = open_system(write={**WRITE, "bulk": bulk}).target("products")
    rows = [{"sku": "a", "group": 7}, {"sku": "b", "group": 7}, {"sku": "c", "group": 8}]

    answers = await target.deliver(delivery("create", rows))

    assert answers["outcome"].to_list() == ["unknown", "unknown", "done"]


KEYS = st.lists(st.one_of(st.none(), st.sampled_from("abcde")), max_size=6)


@given(KEYS, KEYS)
def test_what_is_matched_is_named_once_on_both_sides(keys, named):
    answers = [{"k": name, "place": place} for place, name in enumerate(named)]

    matched = match_by_key(answers, keys, BulkMatch(answer="k", field="sku")).answers

    assert len(matched) == len(keys)
    for key, answer in zip(keys, matched, strict=True):
        is_clear = key is not None and keys.count(key) == named.count(key) == 1
        assert (answer is not MISSING) == is_clear
        assert answer is MISSING or answer["k"] == key
