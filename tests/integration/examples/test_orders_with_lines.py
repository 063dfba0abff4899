"""The example of orders with their lines, played as its page says: the program, the ERP's file and a shop."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ponte.cli.main import run_program

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "02-orders-with-lines"
Run = Callable[[str], str]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """A folder with the ERP's database, and a shop that runs."""
    folder = tmp_path / "demo"
    subprocess.run([sys.executable, str(EXAMPLE / "erp.py"), str(folder / "erp.db")], check=True)
    (folder / "secrets" / "erp").mkdir(parents=True)
    (folder / "secrets" / "erp" / "url").write_text(f"sqlite:///{folder}/erp.db\n")
    shop = subprocess.Popen(
        [sys.executable, str(EXAMPLE / "shop.py"), str(folder / "secrets")], stdout=subprocess.PIPE, text=True
    )
    with shop:
        assert shop.stdout is not None
        assert shop.stdout.readline().startswith("the shop listens on ")
        yield folder
        shop.terminate()


@pytest.fixture
def run(demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a job by the program and gives the account that it shows."""
    monkeypatch.setenv("PONTE_SECRETS", str(demo / "secrets"))
    monkeypatch.setenv("PONTE_LEDGER", f"sqlite:///{demo}/ledger.db")

    def run_one(job: str) -> str:
        capsys.readouterr()
        assert run_program(["run", job, "-f", str(EXAMPLE)]) == os.EX_OK
        return capsys.readouterr().out.splitlines()[0].partition("   ")[0]

    return run_one


def in_shop(demo: Path, name: str) -> list[dict[str, Any]]:
    url, token = ((demo / "secrets" / "shop" / one).read_text() for one in ("url", "token"))
    request = urllib.request.Request(f"{url}/{name}?size=1000", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read(), parse_float=Decimal)["items"]


def edit(demo: Path, *statements: str) -> None:
    with closing(sqlite3.connect(demo / "erp.db")) as erp, erp:
        for statement in statements:
            erp.execute(statement)


def check_orders(demo: Path) -> None:
    """The shop's orders, its ids followed to the records they lead to, are those of the ERP."""
    codes = {one["id"]: one["code"] for one in in_shop(demo, "customers")}
    skus = {one["id"]: one["sku"] for one in in_shop(demo, "products")}
    found = [
        (order["number"], codes[order["customerId"]], line["position"], skus[line["productId"]], line["quantity"])
        for order in in_shop(demo, "orders")
        for line in order["lines"]
    ]
    with closing(sqlite3.connect(demo / "erp.db")) as erp:
        rows = erp.execute(
            "SELECT o.NUMORD, o.CODCLI, l.RIGA, l.CODART, l.QTA FROM ORDTES o JOIN ORDRIG l ON l.NUMORD = o.NUMORD"
        ).fetchall()
    assert sorted(found) == sorted((*row[:4], Decimal(row[4].replace(".", "").replace(",", "."))) for row in rows)


def test_the_example_does_what_its_page_says(demo: Path, run: Run) -> None:
    page = (EXAMPLE / "README.md").read_text()
    played = [line.partition("$ ponte run ")[2] for line in page.splitlines() if line.startswith("$ ponte run ")]
    shown = [line for line in page.splitlines() if line.startswith("read ")]

    accounts = [run(line.split()[0]) for line in played]

    assert accounts == shown
    check_orders(demo)
    customers = {one["code"]: one for one in in_shop(demo, "customers")}
    assert customers["C002"]["address"] == {"street": "Corso Università 12", "city": "Forlì"}
    assert "email" not in customers["C002"]


def test_lines_and_orders_that_come_and_go_follow(demo: Path, run: Run) -> None:
    for job in ("customers", "products", "orders"):
        run(job)

    edit(
        demo,
        "DELETE FROM ORDRIG WHERE NUMORD = '2026/0002' AND RIGA = 3",
        "UPDATE ORDRIG SET QTA = '1.250,500' WHERE NUMORD = '2026/0003' AND RIGA = 1",
        "DELETE FROM ORDRIG WHERE NUMORD = '2026/0001'",
        "DELETE FROM ORDTES WHERE NUMORD = '2026/0001'",
        "INSERT INTO CLIENTI VALUES ('C004', 'Nuova S.p.A.', NULL, NULL, NULL)",
        "INSERT INTO ORDTES VALUES ('2026/0004', '20261123', 'C004')",
        "INSERT INTO ORDRIG VALUES ('2026/0004', 1, 'A-100', '1,000', '12,90')",
    )
    early = run("orders")
    run("customers")
    late = run("orders")

    assert early == "read 3 = updated 2 + deferred 1 · deleted 1"
    assert late == "read 3 = created 1 + unchanged 2"
    check_orders(demo)
