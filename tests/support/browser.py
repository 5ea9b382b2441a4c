"""A headless Chromium, spoken to over two pipes by its DevTools protocol.

The browser that a machine has is all it takes: no driver of its version, no library.
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

MISSING = (
    "there is no Chromium here: apt-get install chromium, or let CANO_CHROMIUM name it"
)

PATIENCE = 60.0
"""Seconds for one answer, of a browser on a machine that is busy."""

# The browser reads descriptor 3 and writes to 4.
_TRAMPOLINE = """
import os, sys
read, write = map(int, sys.argv[1:3])
copies = os.dup(read), os.dup(write)
for number, copy in enumerate(copies, 3):
    os.dup2(copy, number)
    os.set_inheritable(number, True)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def chromium() -> str | None:
    """Where a Chromium is, if there is one."""
    named = os.environ.get("CANO_CHROMIUM")
    if named:
        return named
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page of the browser, and what happened in it.

    Attributes:
        problems: what the console and the page's own code had to complain of.
        requests: every URL that was asked for.
    """

    def __init__(self, browser: "Browser", context: str, session: str) -> None:
        self._browser, self._context, self._session = browser, context, session
        self.problems: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.call(method, params, self._session)

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired", self._session)

    def resize(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def prefer(self, **features: str) -> None:
        """Let the reader prefer something: ``color_scheme="dark"``."""
        told = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self.call("Emulation.setEmulatedMedia", features=told)

    def without_scripts(self) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def allow(self, *permissions: str) -> None:
        """Let the page do what else its reader would be asked about."""
        self.call(
            "Browser.grantPermissions",
            permissions=permissions,
            browserContextId=self._context,
        )

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def until(self, expression: str) -> None:
        """Go on as soon as an expression is true; what a click leads to takes time."""
        ends = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            if time.monotonic() > ends:
                raise TimeoutError(f"never true: {expression}")

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        answer = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        path.write_bytes(base64.b64decode(answer["data"]))

    def told(self, method: str, params: dict[str, Any]) -> None:
        """Take note of an event."""
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(params["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])


class Browser:
    """A running Chromium."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._selector = selectors.DefaultSelector()
        self._selector.register(read, selectors.EVENT_READ)
        self._buffer = b""
        self._number = 0
        self._events: deque[tuple[str, str]] = deque(maxlen=1000)
        self._tabs: dict[str, Tab] = {}

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A page of its own, with nothing that another one has left."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context}
        )["targetId"]
        session = self.call(
            "Target.attachToTarget", {"targetId": target, "flatten": True}
        )["sessionId"]
        tab = self._tabs[session] = Tab(self, context, session)
        try:
            yield tab
        finally:
            self.call("Target.disposeBrowserContext", {"browserContextId": context})

    def call(
        self, method: str, params: dict[str, Any] | None = None, session: str = ""
    ) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params or {}}
        if session:
            asked["sessionId"] = session
        message = json.dumps(asked).encode() + b"\0"
        while message:
            message = message[os.write(self._write, message) :]
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for(self, method: str, session: str) -> None:
        while (session, method) not in self._events:
            self._message()
        self._events.remove((session, method))

    def _message(self) -> dict[str, Any]:
        """The next message; an event has been taken note of."""
        ends = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            if not self._selector.select(max(ends - time.monotonic(), 0)):
                raise TimeoutError(f"the browser was silent for {PATIENCE} s")
            data = os.read(self._read, 1 << 16)
            if not data:
                raise EOFError("the browser is gone")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            session = message.get("sessionId", "")
            self._events.append((session, message["method"]))
            if tab := self._tabs.get(session):
                tab.told(message["method"], message["params"])
        return message


@contextmanager
def browsing(program: str, profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block.

    Args:
        program: the Chromium.
        profile: an empty directory.
    """
    read_there, write = os.pipe()
    read, write_there = os.pipe()
    command = [
        program,
        "--headless=new",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-background-networking",
        "--hide-scrollbars",
        # Its sandbox is not for root, who runs it in containers.
        "--no-sandbox",
        "about:blank",
    ]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _TRAMPOLINE, str(read_there), str(write_there)),
                *command,
            ],
            pass_fds=(read_there, write_there),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(read_there)
    os.close(write_there)
    browser = Browser(read, write)
    try:
        yield browser
    finally:
        try:
            browser.call("Browser.close")
            process.wait(PATIENCE)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            process.kill()
            process.wait()
        finally:
            browser._selector.close()
            os.close(read)
            os.close(write)
