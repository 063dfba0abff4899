"""Scalar SQL over one record: `sql`, `where` and `check` of a Mapping."""

from ponte.mapping.sql.expression import Expression, compile_sql

__all__ = ["Expression", "compile_sql"]
