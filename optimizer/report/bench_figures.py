"""The bench's tables as pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from optimizer.gate.simulation.frontier import FALSE_SHARE_AT_MOST
from optimizer.gate.simulation.measures import Measure
from optimizer.gate.simulation.rivals import RIVALS
from optimizer.gate.simulation.views import Cell, Row
from optimizer.report.figures import Amount, Curve, Pair, Spot, bars, claims, curves, plane

NAMES: Mapping[str, str] = {
    "autoagent": "AutoAgent's rule",
    "heldout-once": "held-out once",
    "gepa": "GEPA's rule",
    "cap-evolve": "cap-evolve's, 1 attempt",
    "cap-evolve-3": "cap-evolve's, 3 attempts",
    "auto-harness": "auto-harness's rule",
}
DRAWN_GAINS = (0.03, 0.05, 0.08)


def draw(view: str, rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write every picture of a view, and name the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in FIGURES[view].items():
        path = folder / f"{name}.svg"
        path.write_text(figure(rows), encoding="utf-8")
        written.append(path)
    return written


def _number(cell: Cell) -> float:
    return cell.value or 0.0 if isinstance(cell, Measure) else float(cell or 0.0)


def _error(cell: Cell) -> float:
    return cell.error or 0.0 if isinstance(cell, Measure) else 0.0


def _named(row: Row) -> str:
    rule = str(row["rule"])
    return NAMES.get(rule, f"Ratchet, {rule}")


def _false_keeps(rows: Sequence[Row]) -> str:
    amounts = []
    for row in rows:
        value, error = _number(row["false_share"]), _error(row["false_share"])
        amounts.append(Amount(_named(row), value, error, f"{100 * value:.0f}%", row["rule"] not in RIVALS))
    return bars(
        "How much of what a night keeps is false", "mean share of keeps that are false, with Monte Carlo error", amounts
    )


def _claims(rows: Sequence[Row]) -> str:
    pairs = [Pair(_named(row), _number(row["claimed"]), _number(row["true_gain"])) for row in rows]
    note = "points of gain: filled what is true, hollow what is claimed, and the difference"
    return claims("What a night claims, and what is true", note, pairs)


def _power(rows: Sequence[Row]) -> str:
    lines = []
    for gain in DRAWN_GAINS:
        for target in ("benchmark", "population"):
            points = [
                (_number(row["tasks"]), _number(row["found"]))
                for row in rows
                if row["target"] == target and row["gain"] == gain
            ]
            lines.append(Curve(f"+{100 * gain:.0f}", points, dashed=target == "population"))
    note = "held-out tasks; gains in points; level .01; solid: about these very tasks, dashed: about tasks like these"
    return curves("How often a true gain is found", note, lines)


def _frontier(rows: Sequence[Row]) -> str:
    spots = [
        Spot(
            str(row["gate"]),
            _number(row["false_share_left"]),
            1000 * _number(row["certified_gain_per_1000"]),
            bool(row["eligible"]),
        )
        for row in rows
    ]
    note = "across: share of keeps false after pruning; up: points of certified gain for 10,000 attempts"
    return plane("What a mode wins, and what it keeps by mistake", note, spots, bound=FALSE_SHARE_AT_MOST)


FIGURES: Mapping[str, Mapping[str, Callable[[Sequence[Row]], str]]] = {
    "rivals": {"gate-false-keeps": _false_keeps, "gate-claims": _claims},
    "power": {"gate-power": _power},
    "frontier": {"gate-frontier": _frontier},
}
