"""A comparison's page in a headless Chromium: it fits, loads nothing, says nothing to the console, and can be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimizer.cli.main import main

from .browser import missing, started
from .test_page_in_a_browser import CONTRAST, WIDER

if TYPE_CHECKING:
    from conftest import FinishedRun

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_it_fits_and_can_be_read_on_both_grounds(finished_run: FinishedRun, tmp_path: Path) -> None:
    if gone := missing():
        pytest.skip(f"no {' and no '.join(gone)} here")
    page = tmp_path / "page.html"
    words = ["compare", "done/baseline", "done", "--split", "train", "--format", "html", "-o", str(page)]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--runs-dir", str(finished_run.runs)])
    assert not ended.value.code
    with started() as browser:
        browser.complaints()  # of the browser's own first tab, which goes on asking for `chrome:` pages
        for width in (400, 1400):
            for theme in ("light", "dark"):
                browser.resize(width, phone=width < 600)
                browser.dress(theme)
                browser.open(page)
                assert browser.run(WIDER) == [], (width, theme)
                assert browser.run(CONTRAST) == [], (width, theme)
        assert browser.complaints() == []
        assert [url for url in browser.requests() if not url.startswith(("file:", "data:", "chrome:"))] == []
