"""`ratchet run --dry-run`: the plan of a night, before anything is written or paid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optimizer.cli.output import say, width, wrap, write_json, write_table
from optimizer.config import RunConfig
from optimizer.planning.forecast import Json, forecast
from optimizer.planning.plan import plan_run


def show_plan(config: RunConfig, runs: Path, *, new_split: bool, as_json: bool) -> None:
    """Print splits, attempts by stage, time and money, and the smallest gain the night can find."""
    data = forecast(plan_run(config, runs, new_split=new_split), runs)
    if as_json:
        write_json(data)
        return
    for name, text in _lines(data):
        say(wrap(text, " " * 11).replace(" " * 11, f"{name:<11}", 1))
    say()
    rows = [[row["stage"], f"{row['attempts']:,}", f"{row['most']:,}", row["how"]] for row in data["stages"]]
    write_table(["stage", "expected", "at most", "how"], rows)
    if data["reach"]:
        say()
        _write_reach(data["reach"])
    say()
    for sentence in _advice(data):
        say(wrap(f"- {sentence}", "  ").removeprefix("  "))
    say()
    say(paragraph("Nothing was written or paid. Leave out --dry-run to start."))


def paragraph(text: str) -> str:
    """Wrap a sentence where the terminal is narrow."""
    return wrap(text) if len(text) > width() else text


def _lines(data: Json) -> list[tuple[str, str]]:
    stops = [f"{name} {value:g}" for name, value in data["stops"].items() if value is not None]
    attempts = data["attempts"]
    return [
        ("suite", f"{data['suite']}: {_splits(data['splits'])}"),
        *([("tasks", data["tasks"])] if data["tasks"] else []),
        ("sandbox", data["sandbox"]),
        ("models", ", ".join(f"{role} {model}" for role, model in data["models"].items())),
        ("stops", ", ".join(stops)),
        ("attempts", f"about {attempts['expected']:,} with {data['keeps']} kept, {attempts['least']:,} if nothing is,"
                     f" {attempts['most']:,} at most; {data['slots']} at once"),
        ("time", data["time"]),
        ("money", data["money"]),
        ("ends by", data["likely_stop"]["said"]),
        ("finds", data["finds"]),
    ]  # fmt: skip


def _write_reach(reach: list[Json]) -> None:
    """Write the smallest gain that each mode finds, by number of held-out tasks."""
    sizes = list(dict.fromkeys(row["tasks"] for row in reach))
    modes = dict.fromkeys(row["mode"] for row in reach)
    gains = {(row["mode"], row["tasks"]): f"{100 * row['smallest_gain']:.1f}" for row in reach}
    heads = ["smallest gain, points", *(f"{size} tasks" for size in sizes)]
    write_table(heads, [[mode, *(gains.get((mode, size), "-") for size in sizes)] for mode in modes])


def _advice(data: Json) -> list[str]:
    better = [f"{row['change']}: {100 * row['smallest_gain']:.1f} points" for row in data["remedies"]]
    sentences = [f"smaller gains would be found with {'; or '.join(better)}"] if better else []
    sentences += data["advice"]
    if data["tests_before"]:
        sentences.append(f"earlier runs used {data['tests_before']} of the tests planned for these held-out tasks")
    if data["looks_before"]:
        often = "once" if data["looks_before"] == 1 else f"{data['looks_before']} times"
        sentences.append(f"the test split was looked at {often} before: the level is stricter")
    return sentences


def _splits(splits: dict[str, Any]) -> str:  # Any: counts
    return ", ".join(f"{count} {name}" for name, count in splits.items() if count)
