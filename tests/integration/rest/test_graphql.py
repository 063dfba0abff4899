"""GraphQL on graphql-yoga: what servers say instead of HTTP statuses, and what becomes of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from article_objects import CREATE, by_connection
from exchange import column, delivery, read_all

from ponte.errors import ConfigurationError, CredentialsRefused, TransientError

ROWS = [{"code": "a", "price": Decimal("1.10")}, {"code": "b", "price": Decimal("-2.25")}]
SAVE = """
mutation Save($input: ArticleInput!) {
  saveArticle(input: $input) { article { id } userErrors { field message } }
}"""


@pytest.fixture
def open_articles(articles, open_shop):
    def open_one(**calls: dict[str, Any]) -> Any:
        product = by_connection()
        kept = [call for call in product["calls"] if call["operation"] not in calls]
        made = [{"operation": name, **call} for name, call in calls.items()]
        rest = {"baseUrl": {"value": articles.graphql_url}}
        return open_shop(rest, {**product, "calls": [*kept, *made]})

    return open_one


async def deliver(system: Any, operation: str, rows: list[dict[str, Any]], ids: list[str | None] | None = None) -> Any:
    return await system.target("products").deliver(delivery(operation, rows, ids, key=("code",)))


async def test_a_type_of_the_union_that_is_no_success_is_a_reject_with_its_code_and_words(open_articles):
    answers = await deliver(open_articles(), "create", [{"code": "a", "stock": 1}, {"code": "b", "stock": -1}])

    assert answers["outcome"].to_list() == ["done", "rejected"]
    assert answers["message"][1] == "HTTP 200 with error NO_STOCK: no stock for this article"


async def test_user_errors_are_rejects_that_name_their_field(open_articles, articles):
    save = {
        "graphql": {"query": SAVE, "variables": {"input": {"$record": True}}},
        "id": "data.saveArticle.article.id",
        "errors": {"at": "data.saveArticle.userErrors"},
    }

    answers = await deliver(open_articles(create=save), "create", ROWS)

    assert answers.select("outcome", "reason", "field").rows() == [
        ("done", None, None),
        ("rejected", "RefusedByTarget", "price"),
    ]
    assert [held["code"] for held in articles.held()] == ["a"]


async def test_a_value_that_the_schema_does_not_take_costs_its_record_only(open_articles):
    answers = await deliver(open_articles(), "create", [{"code": "a", "day": "x"}, {"code": None, "day": "y"}])
    broken = await deliver(open_articles(), "create", [{"code": "c", "stock": "many"}])

    assert answers["outcome"].to_list() == ["done", "done"]
    assert broken["outcome"].to_list() == ["rejected"]
    assert "Int cannot represent" in broken["message"][0]


async def test_a_query_that_the_schema_does_not_know_stops_the_run_before_it_costs_every_record(open_articles):
    wrong = {"graphql": {"query": CREATE.replace("createArticle", "makeArticle"), "variables": {"input": {}}}}

    with pytest.raises(ConfigurationError, match=r"GRAPHQL_VALIDATION_FAILED.*makeArticle") as caught:
        await deliver(open_articles(create=wrong), "create", ROWS)
    assert caught.value.reason == "RequestRefused"


async def test_what_is_throttled_is_asked_for_again(open_articles, articles):
    articles.tell(records=[{"code": "a"}], mode="THROTTLED")

    batches = await read_all(open_articles().source("products"))

    assert column(batches, "code") == ["a"]


async def test_a_throttled_create_is_sent_again_since_nothing_happened(open_articles, articles):
    articles.tell(mode="THROTTLED")

    answers = await deliver(open_articles(), "create", ROWS[:1])

    assert answers["outcome"].to_list() == ["done"]
    assert len(articles.held()) == 1


async def test_an_error_of_the_server_leaves_a_create_unknown_and_it_is_not_sent_twice(open_articles, articles):
    articles.tell(mode="crash")

    answers = await deliver(open_articles(), "create", ROWS[:1])

    assert answers.select("outcome", "reason").rows() == [("unknown", "ServerError")]
    assert articles.held() == []


async def test_a_session_that_is_over_refuses_the_login(open_articles, articles):
    articles.tell(mode="UNAUTHENTICATED")

    with pytest.raises(CredentialsRefused, match="UNAUTHENTICATED"):
        await read_all(open_articles().source("products"))


async def test_a_part_of_the_data_beside_errors_is_no_page_of_a_list(open_articles, articles):
    articles.tell(records=[{"code": "a", "name": "A"}], mode="partial")

    with pytest.raises(TransientError, match="the name cannot be told now") as caught:
        await read_all(open_articles().source("products"))
    assert caught.value.reason == "UnreadableAnswer"


async def test_a_create_that_answers_in_part_is_unknown_and_is_looked_up(open_articles, articles):
    named = CREATE.replace("{ id }", "{ id name }")
    create = {
        "graphql": {"query": named, "variables": {"input": {"$record": True}}},
        "id": "data.createArticle.id",
    }
    articles.tell(mode="partial")
    system = open_articles(create=create)

    answers = await deliver(system, "create", ROWS[:1])
    articles.tell(mode="")
    found = await system.target("products").find(delivery("create", ROWS[:1]).frame.select("code"))

    assert answers["outcome"].to_list() == ["unknown"]
    assert found.height == 1


async def test_an_update_of_nothing_is_no_success(open_articles):
    answers = await deliver(open_articles(), "update", ROWS[:1], ["77"])

    assert answers.select("outcome", "reason").rows() == [("rejected", "NotFound")]


async def test_a_parameter_that_the_query_has_no_place_for_is_a_fault_of_the_settings(open_articles):
    query = "query Articles { articles(first: 5) { edges { node { code } } pageInfo { hasNextPage endCursor } } }"

    with pytest.raises(ConfigurationError, match="no place for the parameter first"):
        await read_all(open_articles(list={"graphql": {"query": query}}).source("products"))
