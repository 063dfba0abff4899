"""What the connector `files` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="a folder of files: CSV and its relatives, JSON Lines",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(Driver("CSV, JSON Lines"),),
        example=example_of(__package__),
        docs="docs/connect/files.md",
        notes=("A file is read as a whole, even where changes or single records are wanted.",),
    )
