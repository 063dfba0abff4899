"""The process of a driver, seen from the session: calls with a deadline, and what its death means."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from ponte.connectors.odbc.wire import Message, receive, send
from ponte.errors import TransientError

CRASHED, HUNG = "DriverCrashed", "DriverHung"
_GRACE_S = 5.0


class DriverProcess:
    """One child process, for one session. Not for several threads at a time.

    Args:
        label: the SyncSource, for messages.
        driver: what messages call the driver.
        deadline_s: how long one answer may take; then the process is ended.
    """

    def __init__(self, label: str, driver: str, deadline_s: float) -> None:
        self._label, self._driver = label, driver
        ours, theirs = socket.socketpair()
        ours.settimeout(deadline_s)
        self._line = ours
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
                [sys.executable, "-m", "ponte.connectors.odbc.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._child.pid

    def call(self, head: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        """One question, one answer, which may be an error under `error`. Raises TransientError when the child died."""
        return self._exchange(Message(head, body)).head

    def stream(self, head: dict[str, Any]) -> Generator[memoryview, None, dict[str, Any]]:
        """One question, many bodies. A child that is not listened to to the end is ended.

        Yields:
            Arrow IPC streams. The last message may be an error; it is returned.
        """
        message, is_over = self._exchange(Message(head)), False
        try:
            while message.head.get("more"):
                yield memoryview(message.body)
                message = self._next()
            is_over = True
        finally:
            if not is_over:
                self.kill()
        return message.head

    def close(self) -> None:
        """Lets the child end by itself; ends it when it does not."""
        with suppress(OSError):
            self._line.settimeout(_GRACE_S)
            self._line.shutdown(socket.SHUT_WR)
            self._line.recv(1)  # its end of the line closes with it: no need to look again and again
        self.kill()

    def kill(self) -> None:
        """Ends the child."""
        self._line.close()
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()

    def _exchange(self, asked: Message) -> Message:
        try:
            send(self._line, asked)
        except OSError as error:
            raise self._died() from error
        return self._next()

    def _next(self) -> Message:
        try:
            return receive(self._line)
        except TimeoutError as error:
            self.kill()
            raise TransientError(
                f"{self._label}: the ODBC driver of {self._driver} did not answer within"
                f" {self._line_deadline} s and was ended.",
                reason=HUNG,
            ) from error
        except (EOFError, OSError) as error:
            raise self._died() from error

    @property
    def _line_deadline(self) -> str:
        return f"{self._line.gettimeout() or 0:.0f}"

    def _died(self) -> TransientError:
        self._line.close()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE_S)
        self.kill()
        code = self._child.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return TransientError(
            f"{self._label}: the ODBC driver of {self._driver} crashed: its process ended {how}. The run is not harmed."
            " Next: if it happens again, install another version of the driver.",
            reason=CRASHED,
        )


def _environment() -> dict[str, str]:
    """Drivers look for their own variables; secrets of Ponte are none of them. Text is UTF-8 on the way."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PONTE_")}
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONSAFEPATH": "1"}
