"""Makes the ERP of this example: three customers, four articles, and three orders with seven lines.

python erp.py demo/erp.db
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

TABLES = """
CREATE TABLE ARTICOLI (CODART TEXT PRIMARY KEY, DESCRIZIONE TEXT, PREZZO TEXT);
CREATE TABLE CLIENTI (CODCLI TEXT PRIMARY KEY, RAGSOC TEXT, EMAIL TEXT, INDIRIZZO TEXT, CITTA TEXT);
CREATE TABLE ORDTES (NUMORD TEXT PRIMARY KEY, DATAORD TEXT, CODCLI TEXT);
CREATE TABLE ORDRIG (NUMORD TEXT, RIGA INTEGER, CODART TEXT, QTA TEXT, PREZZO TEXT, PRIMARY KEY (NUMORD, RIGA));
"""
ROWS = {
    "ARTICOLI": [
        ("A-100", "CAFFÈ IN GRANI 1 KG", "12,90"),
        ("A-200", "MACINACAFFÈ PROFESSIONALE", "1.149,00"),
        ("A-300", "TAZZINE, 6 PEZZI", "18,50"),
        ("A-400", "FILTRI DI CARTA", "3,20"),
    ],
    "CLIENTI": [
        ("C001", "Bar Centrale di Rossi & C.", "ORDINI@barcentrale.example", "Via Roma 1", "Torino"),
        ("C002", "Albergo La Città", None, "Corso Università 12", "Forlì"),
        ("C003", "Mensa Nord S.r.l.", "acquisti@mensanord.example", "Via Po 7", "Biella"),
    ],
    "ORDTES": [("2026/0001", "20261102", "C001"), ("2026/0002", "20261103", "C002"), ("2026/0003", "20261103", "C001")],
    "ORDRIG": [
        ("2026/0001", 1, "A-100", "10,000", "12,90"),
        ("2026/0001", 2, "A-400", "5,000", "3,20"),
        ("2026/0002", 1, "A-200", "1,000", "1.099,00"),
        ("2026/0002", 2, "A-100", "2,500", "12,90"),
        ("2026/0002", 3, "A-300", "4,000", "18,50"),
        ("2026/0003", 1, "A-400", "20,000", "2,95"),
        ("2026/0003", 2, "A-300", "1,000", "18,50"),
    ],
}


def make(path: Path) -> None:
    """Makes the database; one that is there already is replaced, any other file is left alone."""
    if path.exists() and not path.read_bytes().startswith(b"SQLite format 3"):
        raise SystemExit(f"{path} is no database; name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(TABLES)
        for table, rows in ROWS.items():
            places = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
