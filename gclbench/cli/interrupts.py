"""Ctrl-C, TERM and HUP: said at once, obeyed at the next safe place; Ctrl-C again stops hard.

What reads the signals is a thread of its own, so the word comes at once even where the main thread
is deep inside a computation and will only hear of them when that ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "TERM", signal.SIGHUP: "HUP"}
# A terminal and a wrapper such as `uv run` may both pass one Ctrl-C on.
_SAME_S = 0.1
_WORD_S = 1.0
_INTERRUPTED = 128 + signal.SIGINT
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """What this process was asked by signals; made once, where the command line starts.

    The first signal raises KeyboardInterrupt in the main thread, later ones raise nothing. One
    that whoever started this ignores (nohup, a job in the background) stays ignored.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self._raised = False
        self._over = False
        self._since = 0.0
        self._said = threading.Event()

    def install(self) -> None:
        """Take the signals over, for as long as the process lives."""
        for number in _NAMES:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self._raise_once)
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=self._listen, args=(reader,), daemon=True).start()

    def code(self, code: int) -> int:
        """The exit code of a call: an interrupt's says by which signal."""
        self._over = True
        return code if self.first is None or code != _INTERRUPTED else 128 + self.first

    def said(self) -> None:
        """Wait for the first word after an interrupt, so that the last one stands below it."""
        if self._raised:
            self._said.wait(_WORD_S)

    def check(self) -> None:
        """Raise KeyboardInterrupt if one was raised before and got lost, as in a `__del__`."""
        if self._raised and not self._over:
            raise KeyboardInterrupt(_NAMES.get(signal.Signals(self.first or signal.SIGINT)))

    def _raise_once(self, number: int, frame: FrameType | None) -> None:
        if not self._raised and not self._over:
            self._raised = True
            self.first = self.first or number
            raise KeyboardInterrupt(_NAMES[signal.Signals(number)])

    def _listen(self, reader: int) -> None:
        while True:
            for number in os.read(reader, 64):
                if number in _NAMES:
                    self._hear(number)

    def _hear(self, number: int) -> None:
        now = time.monotonic()
        if self.first is None or not self._since:
            self.first, self._since = self.first or number, now
            _say(f"{_NAMES[signal.Signals(number)]}: finishing, Ctrl-C again stops hard.")
            self._said.set()
        elif number == signal.SIGINT and now - self._since > _SAME_S:
            stop_hard()


CURRENT = Interrupts()


def stop_hard() -> None:
    """End this process and its workers at once; what they had not finished is taken up again."""
    from gclbench.scratch import remove_all

    children = sys.modules.get("multiprocessing.process")
    for child in children.active_children() if children else ():
        child.kill()
    remove_all()
    _in_time(_last_word)
    os._exit(_INTERRUPTED)


def _last_word() -> None:
    """Below the bars, which would otherwise be drawn once more after it."""
    from gclbench.cli.output import note

    bars = sys.stderr is not sys.__stderr__
    sys.stderr = sys.__stderr__
    _show_cursor()
    word = "stopped hard; finished work is kept, the same command continues where it stopped."
    note(f"\n{word}" if bars else word)


def _show_cursor() -> None:
    """Bars hide it, and would have shown it again at their end."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return
    for handle in (1, 2):
        if os.isatty(handle):
            os.write(handle, _SHOW_CURSOR.encode())


def _say(line: str) -> None:
    from gclbench.cli.output import note

    _in_time(lambda: note(line))


def _in_time(act: Callable[[], None]) -> None:
    """Wait for it, but not for ever: nobody may be reading what stderr leads to."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(_WORD_S)
