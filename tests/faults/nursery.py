"""A process that has everything loaded and forks one child per command: a run that starts in no time and can be killed.

Reads one JSON object per line (args, env, out) and answers with one line: the exit code, or minus the signal.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
import traceback
from pathlib import Path

from ponte.cli.main import COMMANDS, command_line, run_program
from ponte.testing.run import prepare


def main() -> None:
    for module in COMMANDS:
        command_line(module)
    for line in sys.stdin:
        order = json.loads(line)
        gc.freeze()  # what is not looked at by the children's collections is not copied for them
        pid = os.fork()
        if pid == 0:
            _become(order)
        _, status = os.waitpid(pid, 0)
        _learn(Path(f"{order['out']}.modules"))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _learn(modules: Path) -> None:
    """Loads what a child had to load by itself: the next one need not. No frame is touched, so no thread is started."""
    if not modules.exists():
        return
    for name in modules.read_text().split():
        if name not in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    modules.unlink()


def _become(order: dict[str, object]) -> None:
    code = 70
    try:
        out = os.open(str(order["out"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ.update(order["env"])  # type: ignore[arg-type]
        prepare(os.environ)
        code = run_program(order["args"])  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stderr.flush()
        Path(f"{order['out']}.modules").write_text("\n".join(sys.modules))
    except BaseException:  # noqa: BLE001 - nothing may come back into the parent's code
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
