"""Writes docs/performance.md from the files under bench-results/, and prints it.

Run as: python -m bench.rivals.report [FOLDER [PAGE]]
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.bench_measuring import STAGES
from bench.rivals import memory_work
from bench.rivals.figures import Line, Run, lines, verdicts
from bench.rivals.results import TITLES, Results, read_all

ROOT = Path(__file__).parents[3]
WORKS = ("rest", "orders", "csv", "xlsx", "put", "bulk")  # in the page's order
ODBC = """\
200,000 rows of six columns, beside the bare drivers, by the same script (`make bench WORK=odbc`; medians).

- **The connector alone** is from connecting to the last row, in a process that has loaded all it needs and has
  connected once before. `Ponte / it` compares rows per second; the aim, at least 0.7 of the bare driver, is for this.
- **The whole process** is from start to exit. `Start-up` is what it takes longer than the rows: the interpreter and
  imports (Polars for all; the API's models only for Ponte), and the start of the driver's process, which only Ponte
  has. It is a tenth of a second more than a bare script's, whatever the number of rows.
- Reading ends with Polars frames of all rows, writing begins with one. CPU is of the client's processes. The bare
  drivers convert as they like and insert; Ponte's values are exact, and a record that is there already is updated.
"""
MISSING = {
    "xlsx": "Not measured: it needs the connector for workbooks.",
}
INTRODUCTION = """\
# Performance

How fast Ponte does its work, beside three tools that do similar work: [dlt](https://dlthub.com),
[sling](https://slingdata.io) and [ingestr](https://github.com/bruin-data/ingestr). Written by `make bench-report` from
what `make bench` measured; do not edit it by hand.

- **The same** data, machine and database server (`fsync` on), in turns whose order alternates from round to round.
  Each tool has a database of its own on that server, made anew in each round.
- **Time** is the wall time of the whole process, from start to exit: median, and least to most in brackets. **CPU** is
  user and system time of the process, without the database server's. **Memory** is the most that all processes of the
  tool held at once, again without the server.
- **Checked**: after each run the target's rows and a checksum over all fields are compared with the source's; a run
  that left something else is not counted, and its row says so. `Written` is how many rows of the target are new or
  were rewritten.
- Ponte runs as the command `ponte run`, with rules and checks on every record, rejects kept, and a durable ledger of
  what was delivered; of its two kinds of ledger the faster one counts for the ratios. The others do none of this.
  Of a rival's configurations the fastest counts.
- sling and ingestr are of the last versions whose Python packages hold the program; newer ones may be faster.
- An aim that is missed by less than a tenth counts as met; the machine is not steadier than that.
"""


def render(found: dict[str, Results], odbc: Iterable[str] = ()) -> str:
    """The whole page; `odbc` are tables of that bench."""
    parts = [INTRODUCTION, _surroundings(found), _aims(found)]
    parts += [_work(found.get(work), work) for work in WORKS]
    parts += [_odbc(odbc), _memory(found)]
    return "\n".join(part for part in parts if part)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    all_rows = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in all_rows)


def _surroundings(found: dict[str, Results]) -> str:
    """Machine and versions; where works were measured in different ones, each has its own line."""
    seen: dict[str, list[str]] = {}
    for results in found.values():
        words = ", ".join(f"{name} {value}" for name, value in results.surroundings.items())
        seen.setdefault(words, []).append(f"{results.work} ({results.measured}, {_rounds(results.rounds)})")
    told = "".join(f"- {words}. Measured: {', '.join(works)}.\n" for words, works in seen.items())
    return f"## Where\n\n{told or 'Nothing was measured yet.'}\n"


def _rounds(rounds: int) -> str:
    return f"{rounds} round{'' if rounds == 1 else 's'}"


def _aims(found: dict[str, Results]) -> str:
    rows = [
        (
            f"{results.title}: {results.steps[verdict.aim.step]}",
            f"{verdict.ponte.wall_s:.2f} s",
            f"{verdict.rival.label}: {verdict.rival.wall_s:.2f} s",
            f"{verdict.share:.2f}",
            f"{verdict.cpu_share:.2f}",
            f"<= {verdict.aim.share} x {verdict.aim.against or 'the fastest'}",
            "yes" if verdict.is_met else "**no**",
        )
        for work in WORKS
        if (results := found.get(work)) is not None
        for verdict in verdicts(results)
    ]
    header = ("work", "Ponte", "rival", "ratio", "CPU ratio", "aim", "met")
    return f"## Aims\n\n{table(header, rows)}" if rows else ""


def _work(results: Results | None, work: str) -> str:
    if results is None:
        return f"## {TITLES[work]}\n\n{MISSING.get(work, 'Not measured yet.')}\n"
    parts = [f"## {results.title}\n\n{results.records:,} records.\n"]
    for step, words in results.steps.items():
        there = lines(results, step)
        if there:
            parts.append(f"### {words[0].upper()}{words[1:]}\n\n{_step(results, there)}")
    parts.append(f"### Where Ponte's time goes\n\n{_stages(results)}")
    return "\n".join(parts)


def _step(results: Results, there: list[Line]) -> str:
    rows = [
        (
            line.label if line.is_sound else f"{line.label} (not counted)",
            _span([run["wall_s"] for run in line.runs], line.wall_s),
            f"{results.records / line.wall_s:,.0f}",
            f"{line.median('cpu_s'):.2f}",
            f"{max(run['peak_mb'] for run in line.runs):.0f}",
            _effect(line.middle),
            line.trouble or "equal",
            line.remarks,
        )
        for line in there
    ]
    effect = "requests (most at once)" if "requests" in there[0].middle else "written"
    return table(("tool", "s", "records/s", "CPU s", "MB", effect, "target", "what it did and did not do"), rows)


def _span(values: list[float], median: float) -> str:
    return f"{median:.2f} ({min(values):.2f}-{max(values):.2f})"


def _effect(run: Run) -> str:
    if "requests" in run:
        return f"{run['requests']:,} ({run['busiest']})"
    return f"{run['rows_written']:,}" if "rows_written" in run else ""


def _stages(results: Results) -> str:
    """Seconds by stage of the run in the middle; what is left is start, imports, planning and waiting."""
    rows = []
    for step in results.steps:
        for line in lines(results, step):
            stages = line.middle.get("stages")
            if stages:
                told = [f"{stages[name]:.2f}" if name in stages else "" for name in STAGES]
                rows.append((f"{results.steps[step]}, {line.label.removeprefix('ponte, ')}", *told))
    return "Seconds; stages overlap, because the next batch is read and mapped meanwhile.\n\n" + table(
        ("run", *STAGES), rows
    )


def _odbc(tables: Iterable[str]) -> str:
    return "\n".join(("## ODBC\n", ODBC, *tables))


def _memory(found: dict[str, Results]) -> str:
    sizes = [results for size in memory_work.SIZES if (results := found.get(f"memory-{size}")) is not None]
    rows = [
        (
            f"{results.records:,}",
            line.label.removeprefix("ponte, "),
            results.steps[step],
            f"{line.median('peak_mb'):.0f}",
            f"{line.wall_s:.1f}",
        )
        for results in sizes
        for step in results.steps
        for line in lines(results, step)
    ]
    growth = _growth(sizes)
    header = ("records", "ledger", "run", "MB", "s")
    aims = "Aims: 250 MB at 50,000 records, 300 MB at a million; beyond that only the ledger's index, 16-32 B a key.\n"
    return f"## Memory\n\n{aims}\n{table(header, rows)}{growth}" if rows else "## Memory\n\nNot measured yet.\n"


def _growth(sizes: list[Results]) -> str:
    """Bytes a record from the second largest size to the largest."""
    if len(sizes) < 2:
        return ""
    less, more = sizes[-2:]
    told = []
    for step, words in more.steps.items():
        before = {line.label: line.median("peak_mb") for line in lines(less, step)}
        for line in lines(more, step):
            bytes_each = (line.median("peak_mb") - before[line.label]) * 2**20 / (more.records - less.records)
            told.append(f"- {words}, {line.label.removeprefix('ponte, ')}: {bytes_each:.0f} B\n")
    return f"\nGrowth from {less.records:,} to {more.records:,} records, by record:\n\n{''.join(told)}"


def main() -> None:
    """Reads, writes, prints."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "bench-results"
    page = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs" / "performance.md"
    text = render(read_all(folder), [path.read_text() for path in sorted((folder / "odbc").glob("*.md"))])
    page.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
