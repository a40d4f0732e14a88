"""What a report costs: reading the facts, writing both forms, and opening the page in a browser where there is one.

Run: python tests/bench/bench_report.py RUN_FOLDER
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "optimizer" / "report"))

from browser import missing, started

from optimizer.facts import read_facts
from optimizer.report.html import page
from optimizer.report.markdown import render
from optimizer.run_folder import RunFolder

LOADED = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime"


def measure(what: str, work: Callable[[], object], times: int = 5) -> None:
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(1e3 * (time.process_time() - begun))
    print(f"{what:34} first {taken[0]:7.1f} ms  best {min(taken):7.1f} ms")


def open_in_browser(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        path = Path(folder) / "report.html"
        path.write_text(text)
        for width in (400, 1400):
            browser.resize(width)
            taken = []
            for _ in range(5):
                browser.open(path)
                taken.append(browser.run(LOADED))
            print(f"load at {width:4} px {'':18} first {taken[0]:7.1f} ms  best {min(taken):7.1f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(sys.argv[1]).name
        shutil.copytree(sys.argv[1], copy)
        facts = read_facts(RunFolder(copy))
        measure("facts", lambda: read_facts(RunFolder(copy)))
        measure("report.md", lambda: render(facts))
        measure("report.html", lambda: page(facts))
        text = page(facts)
    print(f"{len(facts.candidates)} candidates, {facts.coverage().planned:,} attempts, {len(text.encode()):,} bytes")
    if not missing():
        open_in_browser(text)


if __name__ == "__main__":
    main()
