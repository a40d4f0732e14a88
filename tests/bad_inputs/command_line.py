"""What is wrong with the words of a command."""

from __future__ import annotations

from .bad import NIGHT, Bad

ROWS = [
    Bad("a live check of nothing", ("--live needs a run file",), words=("doctor", "--live")),
    Bad("no such command", ("No such command 'rnu'",), words=("rnu", "night.yaml")),
    Bad("no such option", ("No such option", "--budget"), words=(*NIGHT, "--budgt", "5")),
    Bad("no file", ("Missing argument 'RUN_FILE'",), words=("run",)),
    Bad("a seed in words", ("--seed", "valid integer"), words=(*NIGHT, "--seed", "x")),
    Bad("no iterations", ("--max-iterations", "greater than or equal to 1"), words=(*NIGHT, "--max-iterations", "0")),
    Bad("a budget below nothing", ("--budget-usd", "-5"), words=(*NIGHT, "--budget-usd", "-5")),
    Bad("a budget that is no number", ("--budget-usd", "nan"), words=(*NIGHT, "--budget-usd", "nan")),
    Bad("a deadline that is no time", ("--deadline 'soon' is no time", "06:30"), words=(*NIGHT, "--deadline", "soon")),
    Bad("a deadline at once", ("--deadline", "greater than 0"), words=(*NIGHT, "--deadline", "0h")),
    Bad("another harness that is not there", ("--harness", "does not exist"), words=(*NIGHT, "--harness", "gone")),
    Bad("a limit below nothing", ("--limit",), words=("runs", "list", "--limit", "-1")),
]
