"""What the connector `sql` says of itself."""

from __future__ import annotations

from ponte.connectors.description import Description, Driver, example_of


def describe() -> Description:
    """For `ponte connectors`."""
    return Description(
        summary="a SQL database: SQLite, PostgreSQL, MariaDB, MySQL; any other of SQLAlchemy to read",
        reads=("all", "changes", "keys", "range"),
        operations=("create", "update", "delete"),
        drivers=(
            Driver("SQLite"),
            Driver("MariaDB, MySQL", ("pymysql",), "pip install 'ponte-sync[mysql]'"),
            Driver("Firebird, to read", ("sqlalchemy_firebird", "firebird"), "pip install 'ponte-sync[firebird]'"),
            Driver("PostgreSQL", ("adbc_driver_postgresql", "nanoarrow"), "pip install 'ponte-sync[postgresql]'"),
        ),
        example=example_of(__package__),
        docs="docs/connect/sql.md",
        notes=(
            "Changes and ranges need a cursor; a query is read only.",
            "Other databases are read by their SQLAlchemy dialect (Firebird, DuckDB ...), and never written to.",
            "Upserts by a unique key of the table: a repeated delivery does no harm.",
        ),
    )
