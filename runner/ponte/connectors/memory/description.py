"""What the connector `memory` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="records in this process, for tests of your own",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(Driver("memory"),),
        example=example_of(__package__),
        docs="CONTRIBUTING.md",
    )
