"""`ponte init` makes an integration of two real systems that validates and runs at once; nothing is overwritten."""

from __future__ import annotations

import gzip
import json
import os
import pty
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import xlsxwriter

from ponte.cli.proposals.addresses import manifest_name

Ponte = Callable[..., subprocess.CompletedProcess[str]]
ARTICLES = (
    "ARTCOD;ARTDES;PREZZO;GIACENZA;WEB;DATAMOD\n"
    "0001;Tè verde ;1.234,50;12;S;01/02/2026\n"
    "0002;Caffè;3,20;7;N;31/12/2026\n"
)
ENDS = ("--from", "files:./export/articoli.csv", "--to", "sqlite:shop.db#products")


@pytest.fixture
def systems(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "articoli.csv").write_text(ARTICLES, encoding="cp1252")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute(
            "CREATE TABLE products (id INTEGER PRIMARY KEY, sku TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
            " price NUMERIC, stock INTEGER, updated DATE, colour TEXT)"
        )
    return tmp_path


def rows(systems: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(systems / "shop.db")) as shop:
        return shop.execute("SELECT sku, name, price, stock, updated FROM products ORDER BY sku").fetchall()


EXPECTED = [("0001", "Tè verde", 1234.5, 12, "2026-02-01"), ("0002", "Caffè", 3.2, 7, "2026-12-31")]


def test_a_file_into_a_table_runs_at_once(ponte: Ponte, systems: Path) -> None:
    made = ponte("init", *ENDS)

    assert made.returncode == 0, made.stderr
    assert "Guessed, please look: sku from ARTCOD, name from ARTDES" in made.stdout
    assert ponte("validate").stdout.endswith("No faults.\n")
    assert ponte("run", "products").returncode == 0
    assert rows(systems) == EXPECTED


def test_a_table_into_a_new_file_runs_at_once(ponte: Ponte, systems: Path) -> None:
    with closing(sqlite3.connect(systems / "shop.db")) as shop, shop:
        shop.execute("INSERT INTO products (sku, name, price) VALUES ('0042', 'Zucchero', 1.5)")
    (systems / "out").mkdir()

    assert ponte("init", "--from", "sqlite:shop.db#products", "--to", "files:out/list.csv").returncode == 0
    assert ponte("run", "list").returncode == 0
    assert "0042,Zucchero,1.50" in (systems / "out" / "list.csv").read_text()


def test_packed_text_runs_at_once(ponte: Ponte, systems: Path) -> None:
    (systems / "export" / "articoli.csv.gz").write_bytes(gzip.compress(ARTICLES.encode("cp1252")))

    made = ponte("init", "--from", "files:./export/articoli.csv.gz", *ENDS[2:])

    assert made.returncode == 0, made.stderr
    assert ponte("run", "products").returncode == 0
    assert rows(systems) == EXPECTED


def test_a_damaged_archive_is_told(ponte: Ponte, systems: Path) -> None:
    (systems / "export" / "articoli.csv.gz").write_bytes(gzip.compress(ARTICLES.encode())[:-20])

    done = ponte("init", "--from", "files:./export/articoli.csv.gz", *ENDS[2:])

    assert done.returncode == 78
    assert "is damaged, or no gzip file" in done.stderr


def test_a_workbook_runs_at_once(ponte: Ponte, systems: Path) -> None:
    with xlsxwriter.Workbook(systems / "export" / "articoli.xlsx") as book:
        sheet = book.add_worksheet("Listino")
        sheet.write_row("A1", ["ARTCOD", "ARTDES", "PREZZO", "GIACENZA"])
        sheet.write_row("A2", ["0001", "Tè verde", 1234.5, 12])
        sheet.write_row("A3", ["0002", "Caffè", 3.2, 7])

    made = ponte("init", "--from", "files:./export/articoli.xlsx", *ENDS[2:])

    assert made.returncode == 0, made.stderr
    assert ponte("run", "products").returncode == 0
    assert [row[:4] for row in rows(systems)] == [row[:4] for row in EXPECTED]


def test_nothing_that_is_there_is_overwritten(ponte: Ponte, systems: Path) -> None:
    (systems / "integration").mkdir()
    (systems / "integration" / "systems.yaml").write_text("mine")

    assert ponte("init", *ENDS).returncode == 64
    assert (systems / "integration" / "systems.yaml").read_text() == "mine"
    assert [file.name for file in (systems / "integration").iterdir()] == ["systems.yaml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "files:./export/articoli.csv"], "--from and --to go together"),
        (["--from", "oracle:db", "--to", "sqlite:shop.db#products"], "is no address of a system"),
        (["--from", "files:./export/", "--to", "sqlite:shop.db#products"], "There is: articoli.csv."),
        (["--from", "files:./export/articoli.csv", "--to", "sqlite:shop.db#prodcts"], "Did you mean 'products'?"),
        ([*ENDS, "--key", "ARTCD"], 'Did you mean "ARTCOD"?'),
        ([*ENDS, "--map", "sku"], "write FIELD=SOURCE-FIELD"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_unclear_is_told_and_nothing_is_written(
    ponte: Ponte, systems: Path, words: list[str], said: str
) -> None:
    done = ponte("init", *words)

    assert done.returncode in {64, 78}
    assert said in done.stderr
    assert not (systems / "integration").exists()


def test_a_password_in_an_address_is_refused_and_never_shown(ponte: Ponte, systems: Path) -> None:
    done = ponte("init", "--from", "postgresql://ponte:CANARY@127.0.0.1/erp#a", "--to", "sqlite:shop.db#products")

    assert done.returncode == 64
    assert "CANARY" not in done.stdout + done.stderr
    assert not (systems / "integration").exists()


def test_a_pair_that_names_do_not_tell_can_be_given(ponte: Ponte, systems: Path) -> None:
    done = ponte("init", *ENDS, "--map", "colour=WEB", "-o", "json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["unused"] == []
    assert "{to: colour, from: WEB}" in (systems / "integration" / "products.yaml").read_text()


def test_a_required_field_that_nothing_resembles_is_marked(ponte: Ponte, systems: Path) -> None:
    with closing(sqlite3.connect(systems / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE items (sku TEXT PRIMARY KEY, warranty TEXT NOT NULL)")

    done = ponte("init", *ENDS[:3], "sqlite:shop.db#items")

    assert "REQUIRED at the target, and not found: warranty." in done.stdout
    assert ponte("validate").returncode == 0


@pytest.mark.parametrize("top", [0, 2, 5])
def test_a_title_above_the_header_of_a_workbook_is_no_field(ponte: Ponte, systems: Path, top: int) -> None:
    with xlsxwriter.Workbook(systems / "listino.xlsx") as book:
        sheet = book.add_worksheet()
        if top:
            sheet.write(0, 0, "Listino 2026")
        for row, cells in enumerate((("ARTCOD", "ARTDES"), ("0001", "Vite"), ("0002", "Dado"))):
            sheet.write_row(top + row, 0, cells)

    made = ponte("init", "--from", "files:listino.xlsx", "--to", "sqlite:shop.db#products")

    assert made.returncode == 0, made.stderr
    written = (systems / "integration" / "systems.yaml").read_text()
    assert (f"excel: {{headerRow: {top + 1}}}" in written) == bool(top)
    assert "created 2" in ponte("run", "products").stdout


def test_of_several_sheets_the_first_is_named_and_another_can_be(ponte: Ponte, systems: Path) -> None:
    write_two_sheets(systems / "listino.xlsx")

    first = ponte("init", "one", "--from", "files:listino.xlsx", "--to", "files:./out/one.csv", "--key", "Note")
    second = ponte("init", "two", "--from", "files:listino.xlsx#Listino", "--to", "sqlite:shop.db#products")

    assert 'the sheet "Legenda" is read; another by #SHEET behind the file: Listino' in first.stderr
    assert "excel: {sheet: Legenda}" in (systems / "one" / "systems.yaml").read_text()
    assert (second.returncode, second.stderr) == (0, "")
    assert "created 2" in ponte("run", "products", "-f", "two").stdout
    source = manifest_name(systems.name)  # called as its folder
    proposed = ponte("schema", source, "listino", "--mapping", "shop", "products", "-f", "two")
    assert "{to: sku, from: ARTCOD" in proposed.stdout


def write_two_sheets(file: Path) -> None:
    with xlsxwriter.Workbook(file) as book:
        legend, articles = book.add_worksheet("Legenda"), book.add_worksheet("Listino")
        legend.write_column("A1", ["Note", "prezzi IVA esclusa"])
        for row, cells in enumerate((("ARTCOD", "ARTDES"), ("0001", "Vite"), ("0002", "Dado"))):
            articles.write_row(row, 0, cells)


def test_fixed_width_text_is_not_taken_for_a_table_of_one_column(ponte: Ponte, systems: Path) -> None:
    lines = ["0001Vite        00001250", "0002Dado cieco  00000030", "0003Rondella    00000010"]
    (systems / "articoli.txt").write_text("\n".join(lines) + "\n")

    done = ponte("init", "--from", "files:articoli.txt", "--to", "sqlite:shop.db#products")

    assert done.returncode == 78
    assert "seems to be fixed-width text: each line has 24 characters" in done.stderr
    assert "Next: write its layout" in done.stderr


def test_schema_proposes_a_mapping_that_is_sound(ponte: Ponte, systems: Path) -> None:
    ponte("init", *ENDS)
    proposed = ponte("schema", "export", "articoli", "--mapping", "shop", "products")

    assert proposed.returncode == 0, proposed.stderr
    lines = proposed.stdout.splitlines()
    assert '  - {to: price, from: PREZZO, type: "decimal(18,2)", locale: it}  # guessed' in lines
    assert "  # at the source, not used: WEB" in lines
    (systems / "proposed").mkdir()
    (systems / "proposed" / "mapping.yaml").write_text(proposed.stdout)
    assert ponte("validate", "-f", "proposed").returncode == 0
    assert 'Did you mean "products"?' in ponte("schema", "export", "articoli", "--mapping", "shop", "prodcts").stderr


@pytest.mark.parametrize(
    "answers",
    [["1", "nowhere", "export", "1", "2", "shop.db", "1", "y"],
     ["1", "nowhere", "listino.xlsx", "Listino", "2", "shop.db", "1", "y"]],
    ids=["text", "a sheet"],
)  # fmt: skip
def test_at_a_terminal_it_asks_and_writes_what_was_agreed_to(
    systems: Path, program: list[str], answers: list[str]
) -> None:
    write_two_sheets(systems / "listino.xlsx")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*program, "init"], cwd=systems, env=os.environ | {"TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        said = conversation(ours, answers)
        assert process.wait(30) == 0, said
    os.close(ours)

    assert "the name does not say what it is" in " ".join(said.split())  # nowhere is asked for again
    assert (systems / "integration" / "products.yaml").is_file()


def conversation(terminal: int, answers: list[str]) -> str:
    """Answers each question as it comes, and gives all that was said."""
    said, pending, deadline = "", list(answers), time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            said += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the other side is closed
            return said
        if pending and said.endswith(": "):
            os.write(terminal, pending.pop(0).encode() + b"\n")
            said += "\n"
    return said
