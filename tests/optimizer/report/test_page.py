"""The page: true in every state of a run, small, quick, and deaf to what agents write into it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.attempt_spec import Purpose
from optimizer.facts import read_facts
from optimizer.ledger import CandidateRow
from optimizer.report import write_report
from optimizer.report.html import page
from optimizer.report.html.chart.scale import fit, slots
from optimizer.report.html.element import VOID, h, render
from optimizer.report.html.page import LARGEST, LINKS
from optimizer.report.html.parts import bullet_list
from optimizer.report.html.theme import COLOURS
from optimizer.run_folder import RunFolder
from traces.render import escape

if TYPE_CHECKING:
    from conftest import Book, FinishedRun


class Seen(HTMLParser):
    """Read a page as a browser would: its tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def seen(folder: RunFolder, *, redacted: bool = False) -> Seen:
    return Seen(page(read_facts(folder), redacted=redacted))


def sections(found: Seen) -> set[str]:
    return {attributes["id"] or "" for tag, attributes in found.tags if tag == "section"}


def moments(book: Book) -> Iterator[str]:
    """Take a run from its first second to its end, stopping wherever a kill could leave it."""
    yield "nothing measured"
    book.ledger.note("needs attention", "the provider is out of reach; ratchet resume night")
    yield "an outage before the baseline"
    book.measure()
    yield "no change proposed"
    book.ledger.conclude_slot(1, None, reason="gave up", bill=_bill())
    yield "no proposal came"
    name = book.propose(2, "One", fixes=("train-001",))
    yield "a candidate without attempts"
    book.draw(f"screen/{name}", name, split="train", purpose=Purpose.SCREEN, tasks=8, count=2)
    yield "a candidate screened"
    book.ledger.reserve_test(name, "c000", 0.02)
    yield "a test reserved"
    book.draw(f"gate/{name}/0/0", name, split="heldout", purpose=Purpose.GATE, tasks=20, count=1)
    yield "a test under way"
    book.decide(name, "not_better", {"mean": 0.01})
    yield "nothing kept"
    book.finish({"champion": "c000", "improved": False, "difference": None, "interval": None, "note": "no change"})
    yield "finished without a keep"


def _bill() -> object:
    from optimizer.ledger import Bill

    return Bill(500, 0.01, 0, 2)


def test_a_page_can_be_written_at_every_moment_of_a_run_and_has_every_section(book: Book) -> None:
    expected = {name for name, _ in LINKS} | {"next", "notices", "provenance"}
    for moment in moments(book):
        found = seen(book.folder)
        assert sections(found) == expected, moment
        assert found.open == [], moment
        assert "certified gain not measured" in found.text, moment
        assert "not measured" in found.text, moment


def test_a_page_of_a_run_with_nothing_measured_shows_no_score_of_zero(book: Book) -> None:
    text = seen(book.folder).text
    assert "Nothing is certified yet" in text
    assert "there is no score to draw" in text
    assert "0.0%" not in text


def test_a_run_that_needs_a_person_says_what_for_first(book: Book) -> None:
    book.ledger.note("needs attention", "the provider is out of reach")
    text = seen(book.folder).text
    assert 0 < text.index("Needs attention: the provider is out of reach") < text.index("Nothing is certified yet")
    assert "ratchet resume night" in text


def test_a_change_under_way_is_not_called_refused(book: Book) -> None:
    book.measure()
    book.propose(1, "One")
    text = seen(book.folder).text
    assert "Changes under way (1)" in text
    assert "Changes refused" not in text


def test_the_page_says_what_the_night_found(whole: Book) -> None:
    text = seen(whole.folder).text
    for words in (
        "SIMULATED MODEL",
        "Improved: certified gain +12.0 points on 20 sealed test tasks, 95% interval +5.0 to +19.0",
        "30.0% → 42.0%",
        "1 of 7",
        "Changes kept (1)",
        "better beyond noise: +2.1 points (95% interval -3.0 to +7.0) over its champion on 20 held-out tasks",
        "42.9% (14 of 16 scored); its parent c000 0.0% (16 of 16 scored)",
        "fixed 1 of 2 named (3 in all), damaged 0 of 0 feared (0 in all)",
        "Holds text of particular tasks (1)",
        "and 1 more findings",
        "No proposal came (1)",
        "c000 to c001: 3 up, 0 down, 4 about the same, 1 not measured in both",
        "sandbox_lost",
        "nominal: nobody is billed",
        "gate tests at held-out tasks: 1 with 2 looks, 1 kept",
        "ratchet export night",
    ):
        assert words in text, words


def test_every_reader_of_a_panel_is_shown_with_what_it_found_and_quoted(whole: Book) -> None:
    text = seen(whole.folder).text
    for role, finds in (("judge", "worth having"), ("advocate", "overfitted"), ("referee", "overfitted")):
        assert re.search(rf"\b{role} {finds}: ", text)
        assert f" {role} " in text.partition(f"{role} {finds}: ")[2]
    assert "advocate overfitted" not in seen(whole.folder, redacted=True).text


def test_held_out_numbers_are_shown_only_when_nothing_can_be_proposed_any_more(book: Book) -> None:
    book.measure()
    book.test(book.propose(1, "One"), "not_better")
    text = seen(book.folder).text
    assert "+2.1" not in text
    assert "Score on held-out tasks" not in text
    book.finish()
    text = seen(book.folder).text
    assert "+2.1" in text
    assert "Score on held-out tasks" in text


def test_no_held_out_or_test_task_is_ever_named(whole: Book) -> None:
    text = page(read_facts(whole.folder))
    assert "train-001" in text
    for secret in ("heldout-0", "test-0", "secret-test-task", "heldout words"):
        assert secret not in text


def test_money_without_a_price_is_said_and_never_zero(book: Book) -> None:
    book.draw("baseline", "c000", split="train", purpose=Purpose.BASELINE, tasks=4, count=1, usd=None)
    text = seen(book.folder).text
    assert "unpriced (8 requests)" in text
    assert "had no price and are in no sum" in text


def test_what_agents_and_tasks_wrote_is_text_and_nothing_else(evil: Book) -> None:
    found = seen(evil.folder)
    assert found.open == []
    tags = [tag for tag, _ in found.tags]
    assert tags.count("script") == tags.count("style") == 1
    assert not {"img", "iframe", "object", "form", "base"} & set(tags)
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "action")], tag
        assert all((attributes.get(name) or "#")[:1] == "#" for name in ("href",) if tag == "a"), attributes
    assert "</script><script>window.hacked = 1</script>" in found.text
    assert "\\x1b[31m" in found.text
    assert "\\u202egnp.exe" in found.text


def test_a_redacted_page_holds_nothing_that_agents_or_tasks_wrote(whole: Book) -> None:
    text = page(read_facts(whole.folder), redacted=True)
    for secret in (
        "train-0",
        "rm -rf",
        "Remember results",
        "a hypothesis",
        "prompts/",
        "gave up",
        "Same again",
        "Broken",
    ):
        assert secret not in text, secret
    assert str(whole.folder.path.parent) not in text
    for kept in ("task 1", "+12.0 points", "c001", "holds text of particular tasks", "sandbox_lost"):
        assert kept.lower() in text.lower(), kept


def test_a_real_run_has_a_page_with_its_diffs(finished_run: FinishedRun) -> None:
    folder = RunFolder(finished_run.runs / finished_run.run)
    found = Seen(folder.page.read_text())
    facts = read_facts(folder)
    assert f'ratchet-mark" content="4.{len(facts.slots)}.' in folder.page.read_text()
    assert found.text.count("Diff against c0") == len(facts.changes)
    hidden = {row.spec.task for row in facts.attempts if row.spec.split != "train"}
    assert not [task for task in hidden if task in found.text]


def test_a_page_is_written_again_only_when_something_was_decided(book: Book) -> None:
    book.measure()
    write_report(book.folder)
    first = book.folder.page.stat().st_mtime_ns
    book.draw("screen/c000", "c000", split="train", purpose=Purpose.SCREEN, tasks=2, count=1)
    write_report(book.folder)
    assert book.folder.page.stat().st_mtime_ns == first
    book.decide(book.propose(1, "One"), "no_change")
    write_report(book.folder)
    assert book.folder.page.stat().st_mtime_ns != first
    assert not list(book.folder.path.glob("*.draft"))


def test_a_page_of_a_hundred_candidates_and_tasks_is_small_and_says_what_it_left_out(hundred: RunFolder) -> None:
    text = page(read_facts(hundred))
    assert len(text.encode()) < LARGEST
    found = Seen(text)
    assert "60 of 101 measured candidates are shown" in found.text
    assert "lines more: ratchet candidates diff hundred c001" in found.text
    assert {f"c{slot:03d}" for slot in range(1, 101)} <= {attributes.get("id") for _, attributes in found.tags}


def test_a_page_of_a_hundred_candidates_costs_less_than_three_tenths_of_a_second(hundred: RunFolder) -> None:
    facts = read_facts(hundred)
    times = []
    for _ in range(4):
        begun = time.process_time()
        page(facts)
        times.append(time.process_time() - begun)
    assert min(times) < 0.3


def test_a_page_that_would_be_too_large_is_cut_tighter(book: Book) -> None:
    book.measure()
    for slot in range(1, 200):
        words = f"{slot} " + "long words " * 1_000
        row = CandidateRow(f"c{slot:03d}", slot, "c000", f"h{slot}", f"n{slot}", words, words, (words,), (words,))
        book.ledger.conclude_slot(slot, row, reason="", bill=_bill())
        book.decide(
            row.id, "leak", {"leaks": [{"path": words, "line": 1, "kind": "x", "quote": words, "public": True}]}
        )
    assert len(page(read_facts(book.folder)).encode()) < LARGEST


def test_files_that_are_gone_are_said_to_be_gone(book: Book) -> None:
    book.measure()
    book.decide(book.propose(1, "One"), "no_change")
    assert "Its files cannot be read" in seen(book.folder).text
    assert "not known: run.yaml cannot be read" in seen(book.folder).text


@given(st.text(max_size=200))
def test_any_text_comes_back_as_it_went_in_but_for_control_characters(text: str) -> None:
    written = render(h("p", text, title=text))
    read = HTMLReader(written)
    assert read.data == escape(text)
    assert read.title == escape(text)


class HTMLReader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.data, self.title = "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.title = dict(attrs)["title"] or ""

    def handle_data(self, data: str) -> None:
        self.data += data


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_a_scale_holds_all_its_values_between_round_ends(values: list[float]) -> None:
    scale = fit(values)
    assert scale.low <= min(values) + 1e-6
    assert max(values) - 1e-6 <= scale.high
    assert 2 <= len(scale.ticks) <= 8
    assert all(0 <= scale.at(value) <= 1 for value in values)


@given(st.integers(0, 5_000))
def test_an_axis_of_iterations_has_few_labels_and_both_ends(last: int) -> None:
    labels = slots(last)
    assert labels[0] == 0
    assert len(labels) <= 10
    assert labels == sorted(set(labels))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((text, ground) for text in ("text", "quiet", "link", "good", "bad") for ground in ("page", "panel")),
        ("open", "page"), ("text", "added"), ("text", "removed"), ("alert-text", "alert"),
        ("full-text", "full"), ("part-text", "part"), ("none-text", "none"), ("page", "good"),
    ],
)  # fmt: skip
def test_text_stands_out_from_its_ground(text: str, ground: str, side: int) -> None:
    assert contrast(COLOURS[text][side], COLOURS[ground][side]) >= 4.5


def test_cells_differ_in_brightness_too_for_eyes_that_see_no_hue() -> None:
    for side in (0, 1):
        shades = [luminance(COLOURS[name][side]) for name in ("full", "part", "none")]
        assert len({round(shade, 2) for shade in shades}) == 3


@pytest.fixture
def ratchet_report(
    finished_run: FinishedRun, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    from optimizer.cli.main import main

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["report", finished_run.run, "--runs-dir", str(finished_run.runs), *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_the_command_writes_a_page_and_prints_where(
    ratchet_report: Callable[..., tuple[int, str, str]], tmp_path: object
) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "night.html"
    assert ratchet_report("--html", "-o", str(path))[:2] == (0, f"{path}\n")
    assert "Certified gain" in Seen(path.read_text()).text
    assert ratchet_report("--html", "--redact", "-o", str(path))[0] == 0
    assert "Its diff is left out of this page" in Seen(path.read_text()).text


def test_the_command_overwrites_no_file_that_is_not_such_a_page(
    ratchet_report: Callable[..., tuple[int, str, str]], tmp_path: object
) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "thesis.html"
    path.write_text("years of work")
    code, _, err = ratchet_report("--html", "-o", str(path))
    assert (code, path.read_text()) == (2, "years of work")
    assert "is no page of a report" in err
    assert ratchet_report("--html", "-o", str(path.parent / "no" / "where.html"))[0] == 2
    assert ratchet_report("--redact")[0] == 2


def test_what_stands_between_backticks_is_set_as_code_and_stays_harmless() -> None:
    assert render(bullet_list(["ask `ratchet <help>` now"])) == (
        "<ul><li>ask <code>ratchet &lt;help&gt;</code> now</li></ul>"
    )
    assert render(bullet_list(["an odd ` is left"])) == "<ul><li>an odd ` is left</li></ul>"
