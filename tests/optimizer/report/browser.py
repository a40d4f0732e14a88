"""A headless Chromium, driven over loopback by the WebDriver protocol itself: no package, nothing is fetched."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromedriver")
"""What Debian's packages `chromium` and `chromium-driver` install."""
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--hide-scrollbars",
)  # fmt: skip
LOGS = {"browser": "ALL", "performance": "ALL"}


def missing() -> list[str]:
    """Name the programs a browser test needs and does not find."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class Browser:
    """Hold one browser window (Any: JSON of the protocol)."""

    def __init__(self, address: str, session: str) -> None:
        self._root = f"{address}/session/{session}"

    def call(self, method: str, path: str, **values: Any) -> Any:
        return _call(method, f"{self._root}{path}", values if method == "POST" else None)

    def devtools(self, command: str, **values: Any) -> Any:
        return self.call("POST", "/goog/cdp/execute", cmd=command, params=values)

    def open(self, page: Path) -> None:
        self.call("POST", "/url", url=page.resolve().as_uri())

    def run(self, script: str, *arguments: object) -> Any:
        return self.call("POST", "/execute/sync", script=script, args=list(arguments))

    def resize(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        """Set the page's width; a window of its own could not be this narrow."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone
        )

    def dress(self, theme: str, medium: str = "screen") -> None:
        """Make the system prefer `light` or `dark`, on a `screen` or in `print`."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.devtools("Emulation.setEmulatedMedia", media=medium, features=features)

    def picture(self, *, whole: bool = False, kind: str = "png", quality: int | None = None) -> bytes:
        options: dict[str, Any] = {"format": kind, "captureBeyondViewport": whole}
        if quality is not None:
            options["quality"] = quality
        if whole:
            size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {
                "x": 0,
                "y": 0,
                "width": size["width"],
                "height": min(size["height"], 16_000),
                "scale": 1,
            }
        return base64.b64decode(self.devtools("Page.captureScreenshot", **options)["data"])

    def printed(self) -> bytes:
        """Print to a PDF."""
        return base64.b64decode(self.devtools("Page.printToPDF", printBackground=True)["data"])

    def complaints(self) -> list[str]:
        """Take what stands in the console since the last call."""
        return [entry["message"] for entry in self.call("POST", "/se/log", type="browser")]

    def requests(self) -> list[str]:
        """Take the addresses that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.call("POST", "/se/log", type="performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def _call(method: str, url: str, values: dict[str, Any] | None) -> Any:
    body = None if values is None else json.dumps(values).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)["value"]


@contextmanager
def started(flags: Sequence[str] = FLAGS) -> Iterator[Browser]:
    """Start a driver and a browser with a fresh profile; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ratchet-browser-", ignore_cleanup_errors=True) as profile:
        driver = subprocess.Popen(
            [str(shutil.which("chromedriver")), "--port=0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            address = f"http://127.0.0.1:{_port(driver)}"
            options = {
                "binary": shutil.which("chromium"),
                "args": [*flags, f"--user-data-dir={profile}"],
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": LOGS}
            begun = _call("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
            try:
                yield Browser(address, begun["sessionId"])
            finally:
                _call("DELETE", f"{address}/session/{begun['sessionId']}", None)
        finally:
            driver.terminate()
            driver.wait(timeout=10)
            assert driver.stdout is not None
            driver.stdout.close()


def _port(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise RuntimeError("the browser's driver did not start")
