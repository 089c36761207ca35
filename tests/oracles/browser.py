"""A page opened in headless Chromium over its debugging pipe: what it shows, logs and asks for."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next(filter(None, map(shutil.which, _PROGRAMS)), None) if os.name == "posix" else None
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-background-networking",
)
_PATIENCE = 90  # seconds

_AS_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Starts a program with the ends of two pipes where the protocol wants them."""


class Browser:
    """Chromium with one page; `requests` and `messages` are those of the page that is open.

    The DevTools protocol: https://chromedevtools.github.io/devtools-protocol/
    """

    def __init__(self) -> None:
        assert PROGRAM is not None
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self.write_end = os.pipe()
        self.read_end, theirs_out = os.pipe()
        # As root, Chromium refuses to start with its sandbox; the pages are our own.
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [PROGRAM, *_OPTIONS, *sandbox, f"--user-data-dir={self.folder.name}"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _AS_3_AND_4, str(theirs_in), str(theirs_out), *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.count, self.session = b"", 0, ""
        self.requests: list[str] = []
        self.messages: list[str] = []
        self.loaded = False
        try:
            self._attach()
        except AssertionError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the program and removes what it wrote."""
        os.close(self.write_end)
        os.close(self.read_end)
        self.process.terminate()
        self.process.wait(timeout=30)
        self.folder.cleanup()

    # The pipe -------------------------------------------------------------------------------------

    def _attach(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """What a command answers; events on the way are noted."""
        self.count += 1
        message: dict[str, object] = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.count:
                assert "error" not in found, found
                result: dict[str, Any] = found["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], _PATIENCE)
            received = os.read(self.read_end, 1 << 16) if ready else b""
            assert received, "the browser is gone, or silent"
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, said: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.messages.append(json.dumps(said))
            case "Page.loadEventFired":
                self.loaded = True

    # Pages ----------------------------------------------------------------------------------------

    def open(self, path: Path, width: int = 1000, scheme: str = "light") -> None:
        """Loads a file in a window of so many pixels, in the light or dark colour scheme."""
        self.look(width, scheme)
        self.requests, self.messages, self.loaded = [], [], False
        self.send("Page.navigate", url=path.resolve().as_uri())
        while not self.loaded:
            self._next()

    def look(self, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Changes the width of the window, the colour scheme, and screen for print."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """A picture of the page, as far down as it goes."""
        taken = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self, path: Path) -> None:
        """The page as it is printed, on A4."""
        made = self.send("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(made["data"]))

    def keys(self, names: Sequence[str]) -> None:
        """Presses keys, one after another."""
        for name in names:
            for kind in ("keyDown", "keyUp"):
                self.send("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def point(self, x: float, y: float) -> None:
        """Moves the pointer."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
