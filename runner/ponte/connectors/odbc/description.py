"""What the connector `odbc` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="a database that has an ODBC driver: PostgreSQL, MariaDB, SQLite; others unproven, or for reading",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(Driver("ODBC", ("pyodbc", "arrow_odbc"), "pip install 'ponte-sync[odbc]'"),),
        example=example_of(__package__),
        docs="docs/connect/odbc.md",
        notes=(
            "The database's own ODBC driver is needed too: odbcinst -q -d lists what is installed.",
            "Microsoft SQL Server, Oracle, Db2, Db2 for i, MySQL: unproven: never run against a real server.",
            "Databases other than these are read whole or by cursor, in standard SQL, and not written.",
        ),
    )
