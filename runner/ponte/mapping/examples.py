"""The tests that a Mapping carries: one record each, through the very same compiler that runs use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from ponte.errors import ConfigurationError
from ponte.mapping import paths
from ponte.mapping.compiled import CompiledMapping, Mapped
from ponte.mapping.compiler import audience_of, compile_mapping, needed
from ponte.mapping.program import sources_or_none
from ponte.mapping.sql.expression import names_in
from ponte_api.mapping import MappingSpec, MappingTest
from ponte_api.sync_source import DeclaredField


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What became of a Mapping's test.

    Attributes:
        name: as the test says, or its place: `tests[0]`.
        passed: whether all is as expected.
        message: what differs; empty when it passed.
    """

    __test__ = False

    name: str
    passed: bool
    message: str = ""


def run_tests(spec: MappingSpec, declared: Sequence[DeclaredField]) -> list[TestOutcome]:
    """Runs all tests of a Mapping. Fields that a test does not give hold nothing; a look-up gives back its key."""
    return [_run(spec, declared, one, one.name or f"tests[{number}]") for number, one in enumerate(spec.tests)]


def _run(spec: MappingSpec, declared: Sequence[DeclaredField], test: MappingTest, name: str) -> TestOutcome:
    try:
        mapped = _map(spec, declared, test)
    except ConfigurationError as error:
        return TestOutcome(name, passed=False, message=error.message)
    message = _judge(test, mapped)
    return TestOutcome(name, passed=not message, message=message)


def _map(spec: MappingSpec, declared: Sequence[DeclaredField], test: MappingTest) -> Mapped:
    frame = _frame(spec, test)
    compiled = compile_mapping(spec, frame.schema, declared=declared, audience=test.audience)
    return compiled.apply(frame, _found(compiled, frame))


def _found(compiled: CompiledMapping, frame: pl.DataFrame) -> dict[Any, pl.DataFrame]:
    asked = compiled.lookup_values(frame)
    return {ref: pl.DataFrame({"value": values, "target_id": values}) for ref, values in asked.items()}


def _frame(spec: MappingSpec, test: MappingTest) -> pl.DataFrame:
    given = {name: _exact(value) for name, value in test.given.items()}
    read = list(names_in(spec.where or "TRUE"))
    for _, rule in needed(spec, audience_of(spec, test.audience)):
        read += sources_or_none(rule)
        read += [one.from_ for one in (rule.currency, rule.unit) if one is not None and one.from_ is not None]
    absent = {paths.top_of(path) for path in read if path not in given} - set(given)
    try:
        return pl.DataFrame([{**dict.fromkeys(sorted(absent)), **given}], strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"given is no record: {error}") from error


def _exact(value: Any) -> Any:
    """Numbers with decimals as decimals, as connectors deliver them."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _exact(inner) for name, inner in value.items()}
    return [_exact(inner) for inner in value] if isinstance(value, list) else value


def _judge(test: MappingTest, mapped: Mapped) -> str:
    if test.left:
        return "" if len(mapped.left) else f"expected the record to be left out; {_became(mapped)}"
    if test.reject is not None:
        wanted = (test.reject.field, test.reject.reason)
        told = list(zip(mapped.faults["field"], mapped.faults["reason"], strict=True))
        return "" if wanted in told else f"expected {wanted[1]} of {wanted[0]}; {_became(mapped)}"
    if mapped.frame.is_empty():
        return f"expected a record; {_became(mapped)}"
    return "; ".join(_differences(test.expect or {}, mapped.frame.row(0, named=True), ""))


def _became(mapped: Mapped) -> str:
    if len(mapped.left):
        return "it was left out"
    if len(mapped.deferred):
        return "it waits for a look-up"
    if len(mapped.faults):
        faults = mapped.faults.iter_rows(named=True)
        return "it was rejected: " + ", ".join(
            f"{one['field'] or 'record'} {one['reason']} ({one['message']})" for one in faults
        )
    return "it was mapped"


def _differences(expected: Mapping[str, Any], record: Mapping[str, Any], above: str) -> list[str]:
    differences: list[str] = []
    for path, wanted in expected.items():
        found, exists = _at(record, path)
        where = f"{above}{path}"
        if not exists:
            differences.append(f"{where}: no rule makes this field")
        elif isinstance(wanted, dict) and isinstance(found, dict):
            differences += _differences(wanted, found, f"{where}.")
        elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
            for place, (one, other) in enumerate(zip(wanted, found, strict=True)):
                differences += _differences({"": one}, {"": other}, f"{where}[{place}]")
        elif not _same(wanted, found):
            differences.append(f"{where}: expected {_told(wanted)}, found {_told(found)}")
    return differences


def _at(record: Mapping[str, Any], path: str) -> tuple[Any, bool]:
    value: Any = record
    for step in (path,) if path in record else path.split("."):
        if not isinstance(value, dict) or step not in value:
            return None, False
        value = value[step]
    return value, True


def _same(wanted: Any, found: Any) -> bool:
    if wanted is None or found is None or isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(found, Decimal | int | float):
        try:
            return Decimal(str(wanted)) == Decimal(str(found))
        except InvalidOperation:
            return False
    return _told(wanted) == _told(found)


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)
