"""Mapping: field rules of a Mapping as Polars expressions, compiled once per schema and applied to whole frames.

Pure: no network, clock or environment. A value that cannot be converted is a fault of its record, never a silent null.
"""

from ponte.mapping.compiled import CompiledMapping, Mapped
from ponte.mapping.compiler import compile_mapping
from ponte.mapping.examples import TestOutcome, run_tests
from ponte.mapping.faults import DEFERRED_SCHEMA, FAULT_SCHEMA
from ponte.mapping.fingerprint import mapping_fingerprint
from ponte.mapping.lookups import LookupRef
from ponte.mapping.validation import check

__all__ = [
    "DEFERRED_SCHEMA",
    "FAULT_SCHEMA",
    "CompiledMapping",
    "LookupRef",
    "Mapped",
    "TestOutcome",
    "check",
    "compile_mapping",
    "mapping_fingerprint",
    "run_tests",
]
