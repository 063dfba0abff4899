"""Where the process `ponte` begins: a stop signal has its words from here on, before anything else is imported.

Only the standard library's lightest parts are imported: what is slow to import comes after the handlers.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

_INTERRUPTED = 76  # exit_codes.INTERRUPTED
_MESSAGE = b"Stopped by a signal before anything began. Next: run it again.\n"


def _stop(_number: int, _frame: object) -> NoReturn:
    """Nothing is under way while modules are imported, so that the process can end at once."""
    try:
        os.write(2, _MESSAGE)
    finally:
        os._exit(_INTERRUPTED)


def main() -> None:
    """Runs `ponte` with the arguments of the process, and exits."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    from ponte.cli.memory import settle_memory  # noqa: PLC0415 - after the handlers

    settle_memory()
    from ponte.cli.main import main as run  # noqa: PLC0415 - after the handlers, and with memory settled

    run()


if __name__ == "__main__":
    main()
