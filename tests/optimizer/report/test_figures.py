"""Pictures are well-formed, hold their numbers, and say them also in words."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from optimizer.gate.simulation.measures import Measure
from optimizer.gate.simulation.views import Row
from optimizer.report.bench_figures import FIGURES, draw
from optimizer.report.figures import Amount, Curve, Pair, Spot, bars, claims, curves, plane

SVG = "{http://www.w3.org/2000/svg}"


def read(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def words(picture: str) -> list[str]:
    return [each.text or "" for each in read(picture).iter(f"{SVG}text")]


def test_a_bar_is_as_long_as_its_amount_and_names_are_escaped() -> None:
    picture = bars("t", "n", [Amount("<us>", 0.2, 0.0, "20%", True), Amount("them", 0.8, 0.1, "80%", False)])
    ours, theirs = [each for each in read(picture).iter(f"{SVG}rect") if "soft" in each.get("class", "")]
    assert float(theirs.get("width", "0")) == pytest.approx(4 * float(ours.get("width", "0")), abs=0.2)
    assert {"<us>", "20%", "80%", "0.2"} <= set(words(picture))


def test_a_claim_stands_beside_the_truth_with_the_difference_in_points() -> None:
    picture = claims("t", "n", [Pair("them", 0.20, 0.05), Pair("us", 0.0, 0.0)])
    true, claimed = list(read(picture).iter(f"{SVG}circle"))[:2]
    assert float(claimed.get("cx", "0")) > float(true.get("cx", "0"))
    assert {"+15.0", "+20", "0"} <= set(words(picture))


def test_a_curve_is_named_halfway_and_rises() -> None:
    picture = curves("t", "n", [Curve("+5", [(20, 0.1), (40, 0.45), (100, 1.0)], dashed=True)])
    dots = list(read(picture).iter(f"{SVG}circle"))
    heights = [float(dot.get("cy", "0")) for dot in dots]
    assert heights == sorted(heights, reverse=True)
    name = next(each for each in read(picture).iter(f"{SVG}text") if each.text == "+5")
    assert abs(float(name.get("x", "0")) - float(dots[1].get("cx", "0"))) < 10


def test_a_spot_out_of_bounds_is_hollow_and_no_name_covers_another() -> None:
    spots = [Spot("fine", 0.1, 4.0, True), Spot("alike", 0.1, 4.0, True), Spot("too much", 0.4, 0.0, False)]
    picture = plane("t", "n", spots, bound=0.25)
    hollow = ["hollow" in each.get("class", "") for each in read(picture).iter(f"{SVG}circle")]
    assert hollow == [False, False, True]
    named = {each.text: float(each.get("y", "0")) for each in read(picture).iter(f"{SVG}text")}
    assert named["alike"] - named["fine"] >= 19
    assert named["too much"] > named["alike"]


def test_every_picture_has_a_dark_side_and_loads_nothing(tmp_path: Path) -> None:
    seen, none = Measure(0.5, 0.1, 9), Measure(None, None, 9)
    rows: dict[str, list[Row]] = {
        "rivals": [{"rule": "gepa", "false_share": seen, "claimed": seen, "true_gain": none}],
        "power": [
            {"target": target, "gain": gain, "tasks": tasks, "found": seen}
            for target in ("population", "benchmark")
            for gain in (0.03, 0.05, 0.08)
            for tasks in (20, 500)
        ],
        "frontier": [{"gate": "g", "false_share_left": seen, "certified_gain_per_1000": seen, "eligible": False}],
    }
    drawn = [path for view in FIGURES for path in draw(view, rows[view], tmp_path / "new")]
    assert len(drawn) == 4
    for path in drawn:
        text = path.read_text()
        assert ElementTree.fromstring(text).tag == f"{SVG}svg"
        assert "prefers-color-scheme:dark" in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
