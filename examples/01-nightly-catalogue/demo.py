"""The demo that `make demo` runs: a night of a company's catalogue in six steps, each one really done.

It starts the shop, writes the ERP's file, and calls the program `ponte` as a person would. What it says in the end is
counted from the shop's own store and log of effects; where the story is not true it says so and exits with 1.
"""
# ruff: noqa: S603 - the programs it starts are this folder's own and the one under test

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import checks
import erp

HERE = Path(__file__).parent
INDENT = "   "
TRIES_TO_KILL = 5
LONGEST_RUN_S = 120


class StoryIsNotTrue(Exception):  # noqa: N818 - what it is called when a demo does not show what it says
    """Something did not come out as the demo says."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where one act of the demo plays: a folder with the shop's store, the ledger and the settings."""

    folder: Path
    erp: Path
    articles: int

    @property
    def store(self) -> Path:
        """The shop's own database."""
        return self.folder / "shop.db"

    @property
    def ledger(self) -> str:
        """Ponte's ledger."""
        return f"sqlite:///{(self.folder / 'ledger.db').absolute()}"

    @property
    def secrets(self) -> Path:
        """Settings and secrets by folder, as a cluster would mount them."""
        return self.folder / "secrets"

    @property
    def offered(self) -> int:
        """How many articles are in order and for the web."""
        return self.articles - erp.NOT_FOR_THE_WEB - self.rejected

    @property
    def rejected(self) -> int:
        """How many articles are wrong from the beginning."""
        return erp.MISSING_NAMES + len(erp.BAD_PRICES)

    def arguments(self, *words: str) -> list[str]:
        """A command line of `ponte` on this stage."""
        program = shutil.which("ponte", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        if program is None:
            raise StoryIsNotTrue("the program ponte is not installed here: make setup")
        return [program, *words, "-f", str(HERE), "--secrets", str(self.secrets), "--ledger", self.ledger]

    def write_setting(self, name: str, key: str, value: str) -> None:
        """Writes one setting or secret, readable by its owner alone."""
        file = self.secrets / name / key
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(value + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `ponte run` said."""

    text: str

    def figure(self, word: str) -> int:
        """The number in `created 49,962` or `17 open`; 0 where the word does not occur."""
        found = re.search(rf"\b{word} ([\d,]+)|([\d,]+) {word}\b", self.text)
        return int((found[1] or found[2]).replace(",", "")) if found else 0


def say(line: str = "") -> None:
    """Prints one line at once."""
    print(line, flush=True)


def title(number: int, text: str) -> None:
    """Prints the heading of a step."""
    is_plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR")
    say(f"{number}  {text}" if is_plain else f"\x1b[1m{number}  {text}\x1b[0m")


def run_ponte(stage: Stage, *words: str) -> Outcome:
    """Calls `ponte`, shows what it says and returns it; progress goes to the terminal directly."""
    is_bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    columns = {"COLUMNS": str(shutil.get_terminal_size().columns - len(INDENT))} if is_bounded else {}
    done = subprocess.run(
        stage.arguments(*words),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | columns | {"PYTHONUTF8": "1"},
        timeout=LONGEST_RUN_S,
        check=False,
    )
    for line in done.stdout.splitlines():
        say(INDENT + line)
    if done.returncode:
        raise StoryIsNotTrue(f"ponte {' '.join(words)} ended with exit code {done.returncode}")
    return Outcome(done.stdout)


def expect(outcome: Outcome, **figures: int) -> None:
    """Refuses an outcome that does not say these numbers."""
    for word, wanted in figures.items():
        if (said := outcome.figure(word)) != wanted:
            raise StoryIsNotTrue(f'"{word}" should be {wanted:,}, but Ponte said {said:,}')


def expect_shop_in_step(stage: Stage) -> checks.Tally:
    """Refuses a shop that is not as the ERP says, article by article."""
    counted = checks.tally(stage.erp, stage.store)
    if not counted.is_true:
        raise StoryIsNotTrue(f"the shop is not in step with the ERP: {counted}")
    return counted


@contextlib.contextmanager
def open_shop(stage: Stage) -> Iterator[str]:
    """Runs a shop with a new store and yields its address."""
    shutil.rmtree(stage.folder / "secrets", ignore_errors=True)
    for old in stage.folder.glob("*.db*"):
        if old != stage.erp:
            old.unlink()
    stage.write_setting("erp", "url", f"sqlite:///{stage.erp.absolute()}")
    stage.write_setting("shop", "token", secrets.token_urlsafe(24))
    words = ["--store", str(stage.store), "--token-file", str(stage.secrets / "shop" / "token")]
    with subprocess.Popen(
        [sys.executable, str(HERE / "shop.py"), *words], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                raise StoryIsNotTrue("the shop does not start: make setup")
            stage.write_setting("shop", "url", address)
            yield address
        finally:
            process.terminate()


def change_erp(stage: Stage, changes: Sequence[tuple[str, str, str]]) -> None:
    """Somebody works in the accounting software: (code, column, new value) each."""
    with contextlib.closing(sqlite3.connect(stage.erp)) as database, database:
        for code, column, value in changes:
            database.execute(f"UPDATE ARTICOLI SET {column} = ? WHERE ARTCOD = ?", (value, code))


def first_load(stage: Stage) -> None:
    """All articles for the first time."""
    title(1, "First synchronisation of the catalogue")
    outcome = run_ponte(stage, "run", "products")
    expect(outcome, read=stage.articles, created=stage.offered, skipped=erp.NOT_FOR_THE_WEB, rejected=stage.rejected)
    expect(outcome, new=stage.rejected, open=stage.rejected)
    expect_shop_in_step(stage)


def nothing_to_do(stage: Stage) -> None:
    """The same again."""
    title(2, "The same again: nothing to do")
    outcome = run_ponte(stage, "run", "products")
    expect(outcome, read=stage.articles, unchanged=stage.offered, created=0, updated=0, new=0, open=stage.rejected)
    expect_shop_in_step(stage)


def three_prices(stage: Stage) -> None:
    """Work of a day, with one slip in it."""
    title(3, 'Three prices change, one article loses its name ("0007741")')
    prices = [("0000007", "PREZZO", "12,90"), ("0000011", "PREZZO", "1.234,50"), ("0000013", "PREZZO", "0,99")]
    change_erp(stage, [*prices, ("0007741", "ARTDES", " " * 40)])
    outcome = run_ponte(stage, "run", "products")
    expect(outcome, read=stage.articles, updated=3, created=0, new=1, open=stage.rejected + 1)
    if not checks.product(stage.store, "0007741").get("name"):
        raise StoryIsNotTrue("the article without a name lost it in the shop too")


def mended_name(stage: Stage) -> None:
    """The slip is mended."""
    title(4, "The name is mended")
    change_erp(stage, [("0007741", "ARTDES", "LAMPADINA A LED, QUALITÀ EXTRA".ljust(60))])
    outcome = run_ponte(stage, "run", "products")
    expect(outcome, updated=1, created=0, new=0, closed=1, open=stage.rejected)
    expect_shop_in_step(stage)


def on_request(stage: Stage) -> None:
    """One article at once, because a customer is on the telephone."""
    title(5, 'On request: "0000042"')
    change_erp(stage, [("0000042", "GIACENZA", "7,000")])
    expect(run_ponte(stage, "run", "products", "--key", "0000042"), read=1, updated=1)
    expect_shop_in_step(stage)


def killed_and_resumed(stage: Stage) -> None:
    """A first load into a new shop with a new ledger, killed in the middle, then run again."""
    title(6, f"Killed in the middle of {stage.articles:,}, then resumed")
    with contextlib.ExitStack() as shops:
        delivered = _killed_in_the_middle(stage, shops)
        say(f"{INDENT}SIGKILL: the shop has {delivered:,} of {stage.offered:,}, the run is dead")
        run_ponte(stage, "run", "products")
        counted = checks.tally(stage.erp, stage.store)
    again = f"   ({counted.repeated:,} sent again, without effect)" if counted.repeated else ""
    say(
        f"{INDENT}in the shop: created {counted.created:,} · doubled {counted.doubled:,} · lost {counted.lost:,}{again}"
    )
    if not counted.is_true:
        raise StoryIsNotTrue(f"the shop is not in step with the ERP: {counted}")


def _killed_in_the_middle(stage: Stage, shops: contextlib.ExitStack) -> int:
    """Starts a run and kills it once a third is delivered; how much the shop then has.

    A run that was through before the signal came is tried again with a new shop.
    """
    for _ in range(TRIES_TO_KILL):
        shops.close()
        shops.enter_context(open_shop(stage))
        with subprocess.Popen(
            stage.arguments("run", "products"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as run:
            give_up = time.monotonic() + LONGEST_RUN_S
            while checks.count_products(stage.store) < stage.offered // 3 and run.poll() is None:
                if time.monotonic() > give_up:
                    break
                time.sleep(0.002)
            run.send_signal(signal.SIGKILL)
        delivered = checks.count_products(stage.store)
        if run.returncode == -signal.SIGKILL and 0 < delivered < stage.offered:
            return delivered
    raise StoryIsNotTrue(f"no run could be killed in the middle (the last one ended with {run.returncode})")


def play(folder: Path, articles: int) -> None:
    """Sets the stage and plays all steps."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(folder, folder / "erp.db", articles)
    erp.write_database(stage.erp, articles)
    with open_shop(stage) as address:
        say(f"  ERP    {_shown(stage.erp):<24} {articles:,} articles (SQLite, as exported by the accounting software)")
        say(f"  shop   {address:<24} B2B shop with its own store")
        say()
        started = time.monotonic()
        for step in (first_load, nothing_to_do, three_prices, mended_name, on_request):
            step(stage)
    killed_and_resumed(Stage(folder / "second-shop", stage.erp, articles))
    say()
    say(f"All of it is true: counted from the shop's own store and log. {time.monotonic() - started:.0f} s")
    program, *words = stage.arguments("rejects", "list", "products")
    say("Look around: " + " ".join(["ponte" if shutil.which("ponte") else _shown(Path(program)), *words]))


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(Path.cwd()))
    return str(path)


def main() -> int:
    """Plays the demo; 1 where its story is not true."""
    parser = argparse.ArgumentParser(description="A night of a company's catalogue, in six steps.")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where its files go (default: demo)")
    parser.add_argument("--articles", type=int, default=50_000, help="how many articles the ERP has (at least 10,000)")
    arguments = parser.parse_args()
    if arguments.articles < 10_000:
        parser.error("--articles: at least 10,000, for the articles that the story names")
    try:
        play(arguments.folder, arguments.articles)
    except StoryIsNotTrue as error:
        say(f"The story is not true: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
