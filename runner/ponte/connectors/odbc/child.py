"""The process in which an ODBC driver runs, so that one that crashes or hangs takes nothing else with it.

It is started by `process`, knows nothing of Ponte but `wire`, and ends when the other side of its socket is gone.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from ponte.connectors.odbc.drivers import Driver, DriverError, open_driver
from ponte.connectors.odbc.wire import Message, receive, send

Answer = dict[str, Any]


def main(descriptor: int) -> None:
    """Serves one session over an inherited socket."""
    line = socket.socket(fileno=descriptor)
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    driver: Driver | None = None
    while True:
        try:
            asked = receive(line)
        except (EOFError, OSError):
            break
        try:
            if asked.head["call"] == "connect":
                driver, facts = open_driver(asked.head)
                send(line, Message(facts))
            elif driver is not None:
                _serve(line, driver, asked)
        except DriverError as error:
            send(line, Message({"error": error.facts}))
    os._exit(0)  # drivers that crash while they are unloaded shall not matter


def _serve(line: socket.socket, driver: Driver, message: Message) -> None:
    asked = message.head
    if asked["call"] == "rows":
        for batch in driver.rows(asked):
            send(line, Message({"more": True}, batch))
        send(line, Message({"more": False}))
        return
    calls: dict[str, Callable[[], Answer | None]] = {
        "execute": lambda: driver.execute(asked["statement"], asked["parameters"]),
        "fill": lambda: driver.fill(asked, message.body),
        "commit": driver.commit,
        "rollback": driver.rollback,
        "catalogue": lambda: driver.catalogue(asked),
    }
    send(line, Message(calls[asked["call"]]() or {}))


def _end_with_parent(descriptor: int) -> None:
    """A driver may hang inside a call for ever; then this thread alone notices that nobody waits any more."""
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
