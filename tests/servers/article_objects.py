"""The object `products` of the article server, by GraphQL, by JSON-RPC and as XML, as manifests write it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

ARTICLE = "id code name price stock active day changed"
FIND = {"parameters": [{"name": "code", "field": "code"}]}

CONNECTION = f"""
query Articles($first: Int!, $after: String, $code: String) {{
  articles(first: $first, after: $after, code: $code) {{
    edges {{ node {{ {ARTICLE} }} }} pageInfo {{ hasNextPage endCursor }} totalCount
  }}
}}"""
OFFSET = f"""
query Articles($skip: Int!, $take: Int!, $code: String) {{
  articleList(skip: $skip, take: $take, code: $code) {{ items {{ {ARTICLE} }} totalItems }}
}}"""
CREATE = """
mutation Create($input: ArticleInput!) {
  createArticle(input: $input) { __typename ... on Article { id } ... on StockError { errorCode message } }
}"""
UPDATE = "mutation Update($id: ID!, $input: ArticleInput!) { updateArticle(id: $id, input: $input) { id } }"
WRITES: list[dict[str, Any]] = [
    {
        "operation": "get",
        "graphql": {
            "query": f"query Get($id: ID!) {{ article(id: $id) {{ {ARTICLE} }} }}",
            "variables": {"id": {"$id": True}},
        },
        "record": "data.article",
    },
    {
        "operation": "create",
        "graphql": {"query": CREATE, "variables": {"input": {"$record": True}}},
        "id": "data.createArticle.id",
        "errors": {"success": {"path": "data.createArticle.__typename", "values": ["Article"]}},
    },
    {
        "operation": "update",
        "graphql": {
            "query": UPDATE,
            "variables": {"id": {"$id": True}, "input": {"$record": True}},
        },
    },
    {
        "operation": "delete",
        "graphql": {
            "query": "mutation Delete($id: ID!) { deleteArticle(id: $id) { result message } }",
            "variables": {"id": {"$id": True}},
        },
        "errors": {"success": {"path": "data.deleteArticle.result", "values": ["DELETED"]}},
    },
]


def _list(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    return {"operation": "list", "graphql": {"query": query, "variables": variables}}


def by_connection(size: int = 4) -> dict[str, Any]:
    """A list by a cursor connection."""
    paging = {
        "parameter": "after",
        "next": "data.articles.pageInfo.endCursor",
        "more": "data.articles.pageInfo.hasNextPage",
        "sizeParameter": "first",
        "size": size,
    }
    variables = {
        "first": {"$parameter": "first", "as": "integer"},
        "after": {"$parameter": "after"},
        "code": {"$parameter": "code"},
    }
    return {
        "path": "/graphql",
        "key": ["code"],
        "list": {
            "records": "data.articles.edges",
            "element": "node",
            "total": "data.articles.totalCount",
            "pagination": {"cursor": paging},
        },
        "calls": [_list(CONNECTION, variables), *deepcopy(WRITES)],
        "write": {"find": FIND, "id": "id"},
    }


def by_offset() -> dict[str, Any]:
    """A list by skip and take, what is looked for left out where nothing is."""
    variables = {
        "skip": {"$parameter": "skip", "as": "integer"},
        "take": {"$parameter": "take", "as": "integer"},
        "code": {"$optional": {"$parameter": "code"}},
    }
    return {
        **by_connection(),
        "list": {
            "records": "data.articleList.items",
            "total": "data.articleList.totalItems",
            "pagination": {"offset": {"parameter": "skip", "limitParameter": "take", "limit": 3}},
        },
        "calls": [_list(OFFSET, variables), *deepcopy(WRITES)],
    }


def by_json_rpc() -> dict[str, Any]:
    """The same articles by JSON-RPC 2.0."""

    def call(name: str, params: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"operation": name, "jsonRpc": {"method": f"article.{name}", "params": params}, **more}

    integer = {"as": "integer"}
    listing = {
        "offset": {"$parameter": "offset", **integer},
        "limit": {"$parameter": "limit", **integer},
        "code": {"$optional": {"$parameter": "code"}},
    }
    one = {"id": {"$id": True, **integer}}
    return {
        "path": "/",
        "key": ["code"],
        "list": {"records": "result.items", "total": "result.count", "pagination": {"offset": {"limit": 3}}},
        "calls": [
            call("list", listing),
            call("get", one, record="result"),
            call("create", {"article": {"$record": True}}, id="result"),
            call("update", {**one, "article": {"$record": True}}),
            call("delete", one),
        ],
        "write": {"find": FIND, "id": "id"},
    }


def as_xml() -> dict[str, Any]:
    """The same articles as XML, by plain requests."""
    return {
        "path": "/xml",
        "key": ["code"],
        "list": {
            "records": "articles.article",
            "total": "articles.@total",
            "pagination": {"offset": {"limit": 3}},
        },
        "xmlBody": {"element": "article"},
        "write": {
            "create": "POST /xml",
            "update": "PUT /xml/{id}",
            "delete": "DELETE /xml/{id}",
            "get": "GET /xml/{id}",
            "find": FIND,
            "id": "id",
        },
    }


NO_SUCH_ARTICLE = {"codes": [{"code": "-32004", "means": "notFound"}]}
"""What the server's own code means, for `rest.errors`."""
