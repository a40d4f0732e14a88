"""How the benches write their rows: a measure with its error, a rate with its interval, a flag as a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.cli.output import Json, write_rows
from optimizer.gate.simulation.measures import Measure

if TYPE_CHECKING:
    from optimizer.gate.simulation.views import Row, Table
    from optimizer.reflect.calibration import Rate


def write_table_of(table: Table, *, as_json: bool) -> None:
    """Write rows; a measure is one cell for people, and two numbers for programs."""
    rows = [spread_cells(row) if as_json else read_cells(row) for row in table.rows]
    write_rows(list(rows[0]), rows, limit=0, as_json=as_json, narrow="")


def spread_cells(row: Row) -> Json:
    """Make two cells of a measure: its value and its error."""
    flat: dict[str, object] = {}
    for name, cell in row.items():
        if isinstance(cell, Measure):
            flat |= {name: cell.value, f"{name}_error": cell.error}
        else:
            flat[name] = cell
    return flat


def read_cells(row: Row) -> Json:
    """Write a measure with its error, and a flag, as a person reads them."""
    words = {True: "yes", False: "no"}
    return {
        name: _measured(cell) if isinstance(cell, Measure) else words[cell] if isinstance(cell, bool) else cell
        for name, cell in row.items()
    }


def _measured(seen: Measure) -> str:
    if seen.value is None:
        return "-"
    digits = 0 if seen.value >= 100 else 3
    error = "-" if seen.error is None else f"{seen.error:.{digits}f}"
    return f"{seen.value:.{digits}f} ({error})"


def in_words(rate: Rate, *, whole: bool) -> str:
    """Write a rate as a count; a sum with its share and interval."""
    counted = f"{rate.blocked} of {rate.of}"
    if not whole or rate.share is None or rate.interval is None:
        return counted
    low, high = rate.interval
    return f"{counted}: {100 * rate.share:.0f}% ({100 * low:.0f} to {100 * high:.0f})"
