"""Manifests that are wrong, or mean harm: refused before anything is read, with the line and the way out.

Groups 23-25, 27 and 30 of the list of bad inputs: Mappings, expressions, names that are SQL, paths, quantities.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hostile.conftest import Workplace

RULE = "  - {to: value, from: value}"
KEY = "  - {to: sku, from: sku, required: true}"
GROWING = " * ".join(["9999999999"] * 6)
BAD = {
    "23 a field that the file has not": (RULE, "  - {to: value, from: valeu}", ("valeu", "value")),
    "23 two rules for one field": (RULE, f"{RULE}\n{RULE}", ("value",)),
    "23 a rule within another's field": (RULE, f"{RULE}\n  - {{to: value.inner, from: value}}", ("value",)),
    "23 a pattern that looks around": (RULE, "  - {to: value, from: value, pattern: '(?=a)b'}", ("pattern",)),
    "23 a pattern that refers back": (RULE, "  - {to: value, from: value, pattern: '(a)\\1'}", ("pattern",)),
    "24 a way to the interpreter": (RULE, "  - {to: value, sql: \"__import__('os')\"}", ("__IMPORT__",)),
    "24 attributes": (RULE, '  - {to: value, sql: "sku.__class__.__globals__"}', ("sku",)),
    "24 a file": (RULE, "  - {to: value, sql: \"read_csv('/etc/passwd')\"}", ("READ_CSV",)),
    "24 a subquery": (RULE, '  - {to: value, sql: "(SELECT 1)"}', ("SELECT",)),
    "24 an aggregate": (RULE, '  - {to: value, sql: "SUM(sku)"}', ("SUM",)),
    "24 a window": (RULE, '  - {to: value, sql: "ROW_NUMBER() OVER ()"}', ("windows",)),
    "24 a clock": (RULE, '  - {to: value, sql: "NOW()"}', ("NOW",)),
    "25 two statements": (RULE, "  - {to: value, sql: \"'a'; DROP TABLE products\"}", (";",)),
    "25 a comment": (RULE, "  - {to: value, sql: \"'a' -- b\"}", ("-",)),
    "25 a table that is a statement": ("table: products", "table: 'products; DROP TABLE products'", ("DROP TABLE",)),
    "25 a field that is a statement": (RULE, "  - {to: 'value\" --', from: value}", ("value",)),
    "30 no batch": ("  mapping: product\n", "  mapping: product\n  batchSize: 0\n", ("batchSize",)),
    "30 a batch beyond all bounds": (
        "  mapping: product\n",
        f"  mapping: product\n  batchSize: {10**18}\n",
        ("batchSize",),
    ),
    "30 a share that is none": ('maxPercent: "100"', 'maxPercent: "-1"', ("maxPercent",)),
    "30 a share in letters": ('maxPercent: "100"', 'maxPercent: "a lot"', ("maxPercent",)),
    "30 a duration that is none": ("  - {to: value, from: value}", f"{RULE}\n  extra: 1h30", ("extra",)),
    "29 a field that nobody knows": ("  mapping: product\n", "  maping: product\n", ("maping", "mapping")),
    "29 another version": ("ponte.dev/v1alpha1\nkind: SyncJob", "ponte.dev/v9\nkind: SyncJob", ("ponte.dev/v9",)),
    "29 a reference to what is not there": ("mapping: product\n", "mapping: prodct\n", ("prodct", "product")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_manifest_is_refused_before_anything_is_read(workplace: Workplace, name: str) -> None:
    old, new, told = BAD[name]
    workplace.prepare(b"sku,value\n1,a\n", "csv: {}, fields: [{name: sku, type: string}, {name: value, type: string}]")
    manifest = workplace.folder / "job.yaml"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new))

    checked, said = workplace.ponte("validate")
    outcome = workplace.run()

    assert "Traceback" not in said + outcome.said
    assert outcome.code == 78, outcome.said
    assert all(word in said + outcome.said for word in told), said + outcome.said
    assert outcome.rows == {}
    assert checked == 78 or name in RUNNING, said


RUNNING = {"25 a table that is a statement", "25 a field that is a statement"}
"""What only the database can know: whether it has a table or a column of that name."""


def test_a_product_beyond_all_digits_is_a_fault_of_its_record(workplace: Workplace) -> None:
    workplace.prepare(b"sku,value\n1,a\n", "csv: {}")
    manifest = workplace.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace(RULE, f'  - {{to: value, sql: "{GROWING}"}}'))

    outcome = workplace.run()

    assert (outcome.code, outcome.rows, outcome.rejects) == (0, {}, {"1": "OutOfRange"})


def test_a_pattern_that_would_backtrack_for_ever_does_not(workplace: Workplace) -> None:
    workplace.prepare(b"sku,value\n1," + b"a" * 100_000 + b"!\n", "csv: {}", ", pattern: '(a+)+'")

    outcome = workplace.run()

    assert (outcome.code, outcome.rejects) == (0, {"1": "PatternMismatch"})


def test_names_with_quotes_are_names(workplace: Workplace) -> None:
    """A table and a column whose names would end a careless statement are read and written as they are called."""
    odd = "pro\"ducts'; --%s"
    workplace.prepare(b"sku,value\n1,a\n", "csv: {}")
    with closing(sqlite3.connect(workplace.folder / "shop.db")) as shop:
        shop.execute('ALTER TABLE products RENAME TO "{}"'.format(odd.replace('"', '""')))
    manifest = workplace.folder / "job.yaml"
    quoted = "'" + odd.replace("'", "''") + "'"
    manifest.write_text(manifest.read_text().replace("table: products", f"table: {quoted}"))

    code, said = workplace.ponte("run", "products")

    assert code == 0, said
    with closing(sqlite3.connect(workplace.folder / "shop.db")) as shop:
        assert shop.execute('SELECT * FROM "{}"'.format(odd.replace('"', '""'))).fetchall() == [("1", "a")]


def _outside(drop: Path) -> str:
    (drop.parent / "outside.csv").write_text("sku,value\n1,a\n")
    return "../outside.csv"


def _link(drop: Path) -> str:
    (drop.parent / "outside.csv").write_text("sku,value\n1,a\n")
    (drop / "link.csv").symlink_to(drop.parent / "outside.csv")
    return "link.csv"


def _pipe(drop: Path) -> str:
    os.mkfifo(drop / "pipe.csv")
    return "pipe.csv"


def _device(drop: Path) -> str:
    (drop / "zero.csv").symlink_to("/dev/zero")
    return "zero.csv"


def _folder(drop: Path) -> str:
    (drop / "folder.csv").mkdir()
    return "folder.csv"


def _absolute(_drop: Path) -> str:
    return "/etc/passwd"


def _share(_drop: Path) -> str:
    return "\\\\\\\\server\\\\share\\\\in.csv"


def _two_lines(_drop: Path) -> str:
    return "in\\n.csv"


@pytest.mark.parametrize("make", [_outside, _link, _pipe, _device, _folder, _absolute, _share, _two_lines])
def test_a_path_leads_to_a_file_of_the_folder_or_nowhere(workplace: Workplace, make: Callable[[Path], str]) -> None:
    workplace.prepare(b"sku,value\n1,a\n", "csv: {}")
    manifest = workplace.folder / "job.yaml"
    path = make(workplace.folder / "drop")
    manifest.write_text(manifest.read_text().replace('path: "in.csv"', f'path: "{path}"'))

    outcome = workplace.run()

    assert outcome.code == 78, outcome.said
    assert outcome.rows == {}
    assert "root:" not in outcome.said
