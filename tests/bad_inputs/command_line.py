"""What is wrong with the words of a command."""

from __future__ import annotations

from .bad import NIGHT, Bad

ROWS = [
    Bad("a live check of nothing", ("--live needs a run file",), words=("doctor", "--live")),
    Bad(
        "planted changes for probes on a suite without variants",
        ("makes no variants of its tasks", "leave `--probes` out"),
        words=("bench", "reflect", "night.yaml", "--probes", "4"),
    ),
    Bad(
        "probes beside a panel",
        ("`--probes` asks no reader", "leave them out"),
        words=("bench", "reflect", "night.yaml", "--probes", "4", "--panel"),
    ),
    Bad(
        "probes of too few tasks to show anything",
        ("--probes", "greater than or equal to 4"),
        words=("bench", "reflect", "night.yaml", "--probes", "3"),
    ),
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
