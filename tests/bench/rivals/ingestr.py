"""ingestr as an entrant: merge by primary key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.rivals.databases import Database
from bench.rivals.environments import program
from bench.rivals.race import Command, Entrant
from bench.rivals.sling import url_of


def entrant(remarks: str, commands: Mapping[str, Callable[[], Command]]) -> Entrant:
    """ingestr with these commands by step."""
    return Entrant("ingestr", "merge by primary key", remarks, commands)


def _nothing_more() -> Sequence[str]:
    return ()


def load(
    source: str, table: str, target: Database, key: str, more: Callable[[], Sequence[str]] = _nothing_more
) -> Callable[[], Command]:
    """From an address into a table `target`; `more` gives further options when the step begins."""

    def command() -> Command:
        words = [str(program("ingestr")), "ingest", "--source-uri", source, "--source-table", table]
        words += ["--dest-uri", url_of(target), "--dest-table", "public.target", "--incremental-strategy", "merge"]
        variables = {"INGESTR_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true"}
        return Command([*words, "--primary-key", key, "--yes", "--progress", "log", *more()], variables)

    return command
