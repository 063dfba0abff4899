"""dlt as an entrant: orders for its two scripts, run by the Python that it is installed in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.rivals.databases import Database
from bench.rivals.environments import FOLDER, program
from bench.rivals.race import Command, Entrant

Order = Mapping[str, Any]
SETTINGS = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
PARALLEL = {"LOAD__WORKERS": "50", "NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS": "1000"}


def load(configuration: str, remarks: str, state: Path, orders: Mapping[str, Order]) -> Entrant:
    """dlt into PostgreSQL, with an order for each step."""
    return _entrant("dlt_load.py", configuration, remarks, state, orders, SETTINGS)


def send(configuration: str, remarks: str, state: Path, orders: Mapping[str, Order]) -> Entrant:
    """dlt to a web API, with fifty threads and files of 1,000 records."""
    return _entrant("dlt_send.py", configuration, remarks, state, orders, {**SETTINGS, **PARALLEL})


def target_url(database: Database) -> str:
    """The address as dlt takes it: it asks for a host and a password, which the socket then overrules."""
    return f"postgresql://root:none@localhost/{database.name}?host={database.host}"


def table_order(source: Database, table: str, target: Database, cursor: str | None) -> Order:
    """From a table of PostgreSQL, by connectorx, Parquet and ADBC."""
    socket = source.host.replace("/", "%2F")
    return {
        "source": "table",
        "table": table,
        "key": "id",
        "cursor": cursor,
        "engine_url": target_url(source).replace("postgresql:", "postgresql+psycopg2:", 1),
        "stream_url": f"postgresql://root@{socket}/{source.name}",
        "target_url": target_url(target),
        "format": "parquet",
    }


def _entrant(
    script: str, configuration: str, remarks: str, state: Path, orders: Mapping[str, Order], settings: Mapping[str, str]
) -> Entrant:
    def starter(order: Order) -> Callable[[], Command]:
        words = [str(program("dlt")), str(FOLDER / "dlt_scripts" / script), json.dumps({**order, "state": str(state)})]
        return lambda: Command(words, settings)

    commands = {step: starter(order) for step, order in orders.items()}
    return Entrant("dlt", configuration, remarks, commands, lambda: shutil.rmtree(state, ignore_errors=True))
