"""What the connector `rest` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="a system with a web API: REST in JSON or XML, GraphQL, JSON-RPC",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(Driver("HTTP", ("aiohttp", "httpx", "yarl"), "pip install 'ponte-sync[rest]'"),),
        example=example_of(__package__),
        docs="docs/connect/rest.md",
        notes=(
            "Changes and ranges need a cursor, single records write.get or write.find.",
            "What it can write is what write says: upsert, create and update, delete, bulk.",
        ),
    )
