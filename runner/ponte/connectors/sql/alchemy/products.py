"""What is known of single databases behind SQLAlchemy: what to install, and how it is opened to be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """One database.

    Attributes:
        install: the command that installs its dialect and its driver.
        arguments: of the driver's `connect`, so that it can do no harm.
        isolation: the level at which one transaction sees one state; None where the driver's own does, or unknown.
    """

    install: str
    arguments: dict[str, Any] = field(default_factory=dict)
    isolation: str | None = None


PRODUCTS: dict[str, Product] = {
    "bigquery": Product("pip install sqlalchemy-bigquery"),
    "clickhouse": Product("pip install clickhouse-sqlalchemy"),
    "crate": Product("pip install sqlalchemy-cratedb"),
    "databricks": Product("pip install databricks-sqlalchemy"),
    "db2": Product("pip install ibm-db-sa"),
    "duckdb": Product("pip install duckdb-sqlalchemy", {"read_only": True}),
    "firebird": Product("pip install 'ponte-sync[firebird]'"),
    "hana": Product("pip install sqlalchemy-hana hdbcli"),
    "ibmi": Product("pip install sqlalchemy-ibmi"),
    "monetdb": Product("pip install sqlalchemy-monetdb"),
    "mssql": Product("pip install pyodbc"),
    "oracle": Product("pip install oracledb", isolation="SERIALIZABLE"),
    "redshift": Product("pip install sqlalchemy-redshift redshift-connector"),
    "snowflake": Product("pip install snowflake-sqlalchemy"),
    "trino": Product("pip install trino"),
    "vertica": Product("pip install sqlalchemy-vertica-python"),
}


def product_of(name: str) -> Product:
    """The product of a dialect, by the first part of the URL's scheme."""
    return PRODUCTS.get(name, Product(f"pip install the package that brings the SQLAlchemy dialect {name!r}"))
