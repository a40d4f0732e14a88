"""The page in a headless Chromium: it fits, reads well on both grounds, loads nothing, and lets no text act."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimizer.facts import read_facts
from optimizer.report.html import page
from optimizer.run_folder import RunFolder

from .browser import Browser, missing, started

if TYPE_CHECKING:
    from conftest import Book

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WIDTHS = {"phone": 400, "desk": 1400}
LONGEST_LOAD_MS = 3_000
"""A page of 100 candidates opens in well under a second; machines that test others at the same time are slower."""
CONTRAST = """
const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
const ground = node => {
  for (; node; node = node.parentElement) {
    const colour = parse(getComputedStyle(node).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const faint = [];
for (const node of document.querySelectorAll("body *")) {
  const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility() || node.tagName === "SCRIPT") continue;
  const style = getComputedStyle(node);
  const paint = node.namespaceURI.endsWith("svg") ? style.fill : style.color;
  const [high, low] = [light(parse(paint)), light(ground(node))].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < 4.5) faint.push([node.tagName, node.className.baseVal ?? node.className, ratio.toFixed(2)].join(" "));
}
return [...new Set(faint)];
"""
WIDER = """
return [...document.querySelectorAll("body *")].filter(node => {
  if (node.closest(".scroll, nav, pre") || !node.checkVisibility()) return false;
  return node.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
}).map(node => `${node.tagName} ${node.getAttribute("class")}: ${node.textContent.slice(0, 40)}`).slice(0, 5);
"""
LOADED = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one browser to all tests of this module."""
    if gone := missing():
        pytest.skip(f"no {' and no '.join(gone)} here")
    with started() as running:
        yield running


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Any]:
    """Give a function that opens a run's page at a width, on a light or dark ground."""

    def open_page(folder: RunFolder, width: int = 1400, theme: str = "light", *, redacted: bool = False) -> Browser:
        path = tmp_path / "report.html"
        path.write_text(page(read_facts(folder), redacted=redacted), encoding="utf-8")
        browser.resize(width, phone=width < 600)
        browser.dress(theme)
        browser.complaints(), browser.requests()
        browser.open(path)
        return browser

    yield open_page
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("night", ["whole", "evil", "hundred"])
def test_nothing_is_wider_than_the_screen_or_too_faint_to_read(
    request: pytest.FixtureRequest, look: Any, night: str, width: int, theme: str
) -> None:
    made = request.getfixturevalue(night)
    browser = look(made if isinstance(made, RunFolder) else made.folder, width, theme)
    browser.run("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert browser.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]
    assert browser.run(WIDER) == []
    assert browser.run(CONTRAST) == []


@pytest.mark.parametrize("night", ["whole", "evil"])
def test_no_word_of_an_agent_acts_and_nothing_is_loaded(request: pytest.FixtureRequest, look: Any, night: str) -> None:
    browser = look(request.getfixturevalue(night).folder)
    assert browser.run("return [typeof window.hacked, document.scripts.length, document.images.length]") == [
        "undefined", 1, 0,
    ]  # fmt: skip
    assert browser.run("return [...document.links].filter(a => !a.getAttribute('href').startsWith('#')).length") == 0
    assert browser.complaints() == []
    assert [address for address in browser.requests() if not address.startswith("file:")] == []


def test_hostile_text_stands_there_to_be_read(evil: Book, look: Any) -> None:
    browser = look(evil.folder)
    text = browser.run("return document.body.textContent")
    assert "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>" in text
    assert "\\x1b[31m" in text
    assert "\u202e" not in text


def test_the_policy_of_the_page_would_stop_what_slipped_through(whole: Book, browser: Browser, tmp_path: Path) -> None:
    text = page(read_facts(whole.folder))
    slipped = tmp_path / "slipped.html"
    attack = "<script>window.hacked = 1</script><img src='http://127.0.0.1:9/' onerror='window.hacked = 1'></main>"
    slipped.write_text(text.replace("</main>", attack, 1))
    browser.open(slipped)
    assert browser.run("return typeof window.hacked") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints())


def test_a_night_of_a_hundred_candidates_opens_fast(hundred: RunFolder, look: Any) -> None:
    times = [look(hundred).run(LOADED) for _ in range(3)]
    assert 0 < min(times) < LONGEST_LOAD_MS


def test_filters_show_the_tasks_they_name(whole: Book, look: Any) -> None:
    browser = look(whole.folder)
    visible = "return [...document.querySelectorAll('tr[data-is]')].filter(row => row.checkVisibility()).length"
    assert browser.run(visible) == 8
    browser.run("document.querySelector('[data-filter=won]').click()")
    assert browser.run(visible) == 3
    assert browser.run("return document.getElementById('shown').textContent") == "3 shown"
    browser.run("document.querySelector('[data-filter=errored]').click()")
    assert browser.run(visible) == 1
    browser.run("document.querySelector('[data-filter=all]').click()")
    assert browser.run(visible) == 8


def test_the_switch_goes_round_the_grounds(whole: Book, look: Any) -> None:
    browser = look(whole.folder, theme="dark")
    ground = "return getComputedStyle(document.body).backgroundColor"
    seen = [browser.run(ground)]
    for _ in range(3):
        browser.run("document.getElementById('theme').click()")
        seen.append(browser.run(ground))
    assert seen[0] == seen[2] == seen[3]
    assert seen[1] != seen[0]


def test_tables_are_sorted_by_number_where_they_hold_numbers(whole: Book, look: Any) -> None:
    browser = look(whole.folder)
    column = """
      const table = document.querySelector('#spend table'), heads = [...table.tHead.rows[0].cells];
      const at = heads.findIndex(head => head.textContent === 'tokens');
      heads[at].click();
      return [...table.tBodies[0].rows].map(row => row.cells[at].textContent)
    """
    first = [int(cell.replace(",", "")) for cell in browser.run(column)]
    assert first[:-1] == sorted(first[:-1])
    assert first[-1] == sum(first[:-1])


def test_a_link_opens_the_change_it_leads_to(hundred: RunFolder, look: Any) -> None:
    browser = look(hundred)
    shown = "return document.querySelector('#c010 .body').checkVisibility()"
    assert browser.run(shown) is False
    browser.run("location.hash = '#c010'; dispatchEvent(new HashChangeEvent('hashchange'))")
    assert browser.run(shown) is True


def test_all_is_there_without_scripts_and_no_dead_button(whole: Book, look: Any, browser: Browser) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    look(whole.folder)
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    counts = "return [...document.querySelectorAll('button')].filter(each => each.checkVisibility()).length"
    assert browser.run(counts) == 0
    assert "Improved: certified gain +12.0 points" in browser.run("return document.body.innerText")


def test_a_printed_page_is_light_and_leaves_the_buttons_out(whole: Book, look: Any) -> None:
    browser = look(whole.folder, theme="dark")
    browser.dress("dark", "print")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("return document.querySelector('nav').checkVisibility()") is False
    assert browser.run(CONTRAST) == []
    assert browser.printed().startswith(b"%PDF")


@pytest.mark.parametrize(("night", "redacted"), [("whole", True), ("book", False)], ids=["redacted", "nothing done"])
def test_a_page_with_little_on_it_fits_a_phone(
    request: pytest.FixtureRequest, look: Any, night: str, redacted: bool
) -> None:
    browser = look(request.getfixturevalue(night).folder, 400, redacted=redacted)
    assert browser.run("return document.documentElement.scrollWidth") == 400
    assert browser.complaints() == []
