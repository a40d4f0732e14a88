"""The table of bad inputs, by what is wrong.

Every row starts from the desk's run file, which works. `says` must stand in the message or in its hint.
"""

from __future__ import annotations

from . import command_line, file, harness, place, run, run_file, task

GROUPS = {
    "run files": run_file.ROWS,
    "files": file.ROWS,
    "harnesses": harness.ROWS,
    "tasks": task.ROWS,
    "command line": command_line.ROWS,
    "runs and exports": run.ROWS,
    "places and environment": place.ROWS,
}
"""The rows by their heading in docs/errors.md."""
BAD_INPUTS = [row for rows in GROUPS.values() for row in rows]
