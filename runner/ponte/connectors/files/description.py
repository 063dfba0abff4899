"""What the connector `files` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="a folder of files: CSV and its relatives, fixed width, JSON Lines, XML, Excel workbooks",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(
            Driver("CSV, fixed width, JSON Lines, XML, .xlsx for reading"),
            Driver("other workbooks", ("python_calamine", "xlsxwriter", "olefile"), "pip install 'ponte-sync[excel]'"),
        ),
        example=example_of(__package__),
        docs="docs/connect/files.md",
        notes=("A file is read as a whole, even where changes or single records are wanted.",),
    )
