"""The champion against more samples of the baseline for the same money, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizer.report.text import percent, points

Record = Mapping[str, Any]  # Any: JSON

UPPER_BOUND = "the verifier itself picks the best, as no real chooser can: this bounds what more samples can win"


def sampling_rows(certificate: Record) -> list[tuple[str, str]]:
    """List what the best-of-n arm showed; nothing where none was asked for."""
    record: Record | None = certificate.get("best_of_n")
    if record is None:
        return []
    if record.get("skipped") or record.get("difference") is None:
        why = record.get("skipped") or "too few attempts were scored"
        return [("same money in more samples", f"not compared: {why}")]
    return [
        ("same money in more samples", f"{_compared(record)}; {_reading(record)}"),
        ("what an attempt costs", f"{_costs(record)}; {UPPER_BOUND}{_drawn(record)}"),
    ]


def _compared(record: Record) -> str:
    return (
        f"champion {percent(record['champion_mean'])}, baseline's best of {record['n']:.3g} attempts"
        f" {percent(record['best_of_n_mean'])}: {points(record['difference'])} points,"
        f" {100 * record['level']:.4g}% interval {points(record['lower'])} to {points(record['upper'])}"
    )


def _reading(record: Record) -> str:
    """Say what the comparison means for the gain."""
    if record["lower"] > 0:
        return "the gain is more than the same money in more samples could buy"
    if record["upper"] < 0:
        return "more samples of the baseline would buy more, if the best of them could be told"
    return "the gain cannot be told from what more samples could buy, if the best of them could be told"


def _costs(record: Record) -> str:
    before, after = record["baseline_each"], record["champion_each"]
    if record["measure"] == "tokens":
        return f"baseline {before:,.0f} tokens, champion {after:,.0f}"
    return f"baseline ${before:,.4f}, champion ${after:,.4f}"


def _drawn(record: Record) -> str:
    return f"; {record['drawn']:,} more baseline attempts were made for it" if record["drawn"] else ""
