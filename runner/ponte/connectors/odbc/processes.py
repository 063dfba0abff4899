"""The processes of one system's driver: one is ready before it is asked for, and serves one session after the other."""

from __future__ import annotations

import threading

from ponte.connectors.odbc.process import DEADLINE_S, DriverProcess


class DriverProcesses:
    """Processes for the sessions of one system. For several threads.

    The start of a process takes as long as reading tens of thousands of rows (measured): so the first one is started
    here, while the caller still does other things, and one whose session ended well is kept for the next session. Two
    sessions never share one at the same time: a driver that crashes takes one session with it.

    Args:
        label: the SyncSource, for messages.
        driver: what messages call the driver.
        deadline_s: how long one answer may take; then the process is ended.
    """

    def __init__(self, label: str, driver: str, deadline_s: float = DEADLINE_S) -> None:
        self._label, self._driver, self._deadline_s = label, driver, deadline_s
        self._lock = threading.Lock()
        self._is_open = True
        self._ready: DriverProcess | None = self._started()

    def take(self) -> DriverProcess:
        """A process for one session. Raises TransientError where none can be started."""
        with self._lock:
            process, self._ready = self._ready, None
        return process or self._started()

    def give(self, process: DriverProcess) -> None:
        """Takes it back after a session. Never raises."""
        is_whole = process.disconnect()
        with self._lock:
            if is_whole and self._is_open and self._ready is None:
                self._ready = process
                return
        process.close() if is_whole else process.kill()

    def close(self) -> None:
        """Ends what waits; those that are in use end when they are given back."""
        with self._lock:
            self._is_open = False
            process, self._ready = self._ready, None
        if process is not None:
            process.close()

    def _started(self) -> DriverProcess:
        return DriverProcess(self._label, self._driver, self._deadline_s)
