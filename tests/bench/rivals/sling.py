"""sling as an entrant: incremental by primary key, its only way to upsert."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.rivals.databases import Database
from bench.rivals.environments import program
from bench.rivals.race import Command, Entrant

Options = Mapping[str, Any]


def url_of(database: Database) -> str:
    """The address as sling and ingestr understand it."""
    return f"postgresql://root@/{database.name}?host={database.host}&sslmode=disable"


def entrant(remarks: str, commands: Mapping[str, Callable[[], Command]]) -> Entrant:
    """sling with these commands by step."""
    return Entrant("sling", "incremental by primary key", remarks, commands)


def file_load(address: str, options: Options, target: Database, key: str) -> Callable[[], Command]:
    """From a file or an address into a table `target`."""
    stream = ["--src-stream", address, "--src-options", json.dumps(options)]
    return lambda: _command(stream, {}, target, ["--primary-key", key])


def table_load(source: Database, table: str, target: Database, keys: Mapping[str, str]) -> Callable[[], Command]:
    """From a table into a table `target`; `keys` are its options for keys."""
    words = [word for name, value in keys.items() for word in (f"--{name}", value)]
    stream = ["--src-conn", "SOURCE", "--src-stream", table]
    return lambda: _command(stream, {"SOURCE": url_of(source)}, target, words)


def _command(stream: list[str], connections: Mapping[str, str], target: Database, keys: list[str]) -> Command:
    words = [str(program("sling")), "run", *stream, "--tgt-conn", "TARGET", "--tgt-object", "public.target"]
    variables = {**connections, "TARGET": url_of(target), "SLING_DISABLE_TELEMETRY": "true"}
    return Command([*words, "--mode", "incremental", *keys], variables)
