"""The ERP of the demo: a seeded generator of a database file that looks like a real accounting export.

Everything is text, as such exports are: codes with leading zeros, descriptions padded with blanks, Italian decimals
(`1.234,56`), a minus behind the number (`12,000-`), dates as `20261122`. A known number of articles is wrong on
purpose, so that what a synchronisation must say about them can be told beforehand.

    python erp.py demo/erp.db --articles 50000
"""

from __future__ import annotations

import argparse
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SEED = 20261122
MISSING_NAMES = 12
NOT_FOR_THE_WEB = 21
BAD_PRICES = ("12,5O", "n.d.", "12,50,00", "l8,90", "#RIF!")
EMPTY_NAMES = ("", " " * 40, None)
LEFT_ALONE = 100
"""The first articles are always in order: the demo and its reader refer to some of them by code."""
NAMED = frozenset({"0007741", "0008120", "0009003"})
"""Articles that the demo edits later; they start in order too."""

NOUNS = (
    "MORSETTO", "VITE AUTOFILETTANTE", "LAMPADINA A LED", "CAVO UNIPOLARE", "CAFFÈ IN GRANI", "TÈ VERDE",
    "GUARNIZIONE", "RUBINETTO", "VALVOLA A SFERA", "PIASTRELLA", "SMALTO ALL'ACQUA", "TASSELLO", "QUADRO ELETTRICO",
    "RELÈ", "PERÒ D'ACERO", "FILTRO ARIA", "OLIO MOTORE", "GUANTO DA LAVORO", "SCARPA ANTINFORTUNISTICA", "CIABATTA",
)  # fmt: skip
QUALITIES = (
    "QUALITÀ EXTRA", "AD ALTA DENSITÀ", "BLU NOTTE", "ROSSO", "NERO OPACO", "ZINCATO", "INOX A2", "OTTONE",
    "PIÙ RESISTENTE", "BIO", "PROFESSIONALE", "UNIVERSALE", "LIBERTÀ", "ÉCRU", "GRÖSSE L",
)  # fmt: skip
SIZES = ("Ø 8 MM", "Ø 12 MM", "10 MT", '1/2"', '3/4"', "25 KG", "500 GR", "CF. 12 PZ", "N. 42", "60 X 60")
UNITS = ("PZ", "PZ", "PZ", "CF", "KG", "MT")
VAT_RATES = ("22", "22", "22", "10", "04")

TABLE = """
CREATE TABLE ARTICOLI (
  ARTCOD   TEXT PRIMARY KEY,  -- code, seven digits with leading zeros
  ARTDES   TEXT,              -- description, padded with blanks
  UM       TEXT NOT NULL,     -- unit: PZ KG MT CF
  PREZZO   TEXT,              -- list price, Italian decimals
  SCONTO   TEXT,              -- discount in percent, Italian decimals, empty for none
  IVA      TEXT NOT NULL,     -- VAT rate
  GIACENZA TEXT NOT NULL,     -- stock, Italian decimals, the minus behind
  EAN      TEXT,              -- bar code, null for none
  STATO    TEXT NOT NULL,     -- A active, D discontinued
  FLAG_WEB TEXT NOT NULL,     -- S for the web, N not
  DATAMOD  TEXT NOT NULL      -- changed on, yyyymmdd
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Oddities:
    """Which articles are wrong or kept off the web, by code."""

    missing_names: frozenset[str]
    bad_prices: dict[str, str]
    not_for_the_web: frozenset[str]


def code_of(number: int) -> str:
    """The code of an article: seven digits, leading zeros."""
    return f"{number:07d}"


def choose_oddities(articles: int, chance: random.Random) -> Oddities:
    """Chooses the odd articles; no article has two oddities."""
    codes = [code for number in range(LEFT_ALONE + 1, articles + 1) if (code := code_of(number)) not in NAMED]
    chosen = chance.sample(codes, MISSING_NAMES + len(BAD_PRICES) + NOT_FOR_THE_WEB)
    prices = chosen[MISSING_NAMES : MISSING_NAMES + len(BAD_PRICES)]
    return Oddities(
        missing_names=frozenset(chosen[:MISSING_NAMES]),
        bad_prices=dict(zip(prices, BAD_PRICES, strict=True)),
        not_for_the_web=frozenset(chosen[MISSING_NAMES + len(BAD_PRICES) :]),
    )


def italian(units: int, digits: int) -> str:
    """A whole number of the smallest units as an Italian decimal: (123456, 2) is `1.234,56`."""
    whole, fraction = divmod(abs(units), 10**digits)
    text = f"{whole:,}".replace(",", ".") + f",{fraction:0{digits}d}"
    return text + "-" if units < 0 else text


def ean13(number: int) -> str:
    """A GTIN-13 of the Italian range with its check digit (GS1 General Specifications, 7.9)."""
    body = f"80{number:010d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-weighted % 10}"


def articles(count: int, seed: int = SEED) -> Iterator[tuple[str | None, ...]]:
    """Rows of ARTICOLI in the order of its columns; the same seed and count give the same rows."""
    chance = random.Random(seed)  # noqa: S311 - test data must be the same each time, not unguessable
    odd = choose_oddities(count, chance)
    last_day = date(2026, 11, 22)
    days = [f"{last_day - timedelta(days=age):%Y%m%d}" for age in range(1_500)]
    pick, draw = chance.choice, chance.random
    for number in range(1, count + 1):
        code = code_of(number)
        name = f"{pick(NOUNS)} {pick(QUALITIES)} {pick(SIZES)} {number}".ljust(60)
        discount = italian(int(draw() * 50) * 50, 2) if draw() < 0.3 else ""
        stock = int(draw() * 3_000) * 1_000 if draw() < 0.98 else -12_000
        yield (
            code,
            pick(EMPTY_NAMES) if code in odd.missing_names else name,
            pick(UNITS),
            odd.bad_prices.get(code) or italian(int(draw() ** 4 * 500_000) + 5, 2),
            discount,
            pick(VAT_RATES),
            italian(stock, 3),
            ean13(number) if draw() < 0.9 else None,
            "D" if draw() < 0.03 else "A",
            "N" if code in odd.not_for_the_web else "S",
            days[int(draw() * len(days))],
        )


def write_database(path: Path, count: int, seed: int = SEED) -> None:
    """Makes the database file anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(TABLE)
        columns = ", ".join("?" * 11)
        database.executemany(f"INSERT INTO ARTICOLI VALUES ({columns})", articles(count, seed))


def main() -> None:
    """Makes the file that the command line names."""
    parser = argparse.ArgumentParser(description="Make the ERP database of the demo.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--articles", type=int, default=50_000)
    arguments = parser.parse_args()
    write_database(arguments.path, arguments.articles)


if __name__ == "__main__":
    main()
