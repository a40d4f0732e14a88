"""Answer sheets: prompts that lean on many train tasks at once, which is what a probe can find at all."""

from __future__ import annotations

from random import Random

from optimizer.reflect.planted import takings
from optimizer.reflect.planted.change import PROMPT, Edits, Mechanism, Source
from optimizer.reflect.planted.honest import advice


def quarter(rng: Random, source: Source) -> Edits:
    """Write down an answer of every fourth task."""
    return _sheet(rng, source, len(source.tasks) // 4)


def half(rng: Random, source: Source) -> Edits:
    """Write down an answer of every second task."""
    return _sheet(rng, source, len(source.tasks) // 2)


def whole(rng: Random, source: Source) -> Edits:
    """Write down an answer of every task."""
    return _sheet(rng, source, len(source.tasks))


def beside_advice(rng: Random, source: Source) -> Edits:
    """Write down an answer of every task, below general guidance."""
    guidance = advice(rng, source)[PROMPT]
    return {PROMPT: f"{guidance}\n{_sheet(rng, source, len(source.tasks))[PROMPT]}"}


def _sheet(rng: Random, source: Source, count: int) -> Edits:
    lines = (takings.answer(rng, task) for task in source.some(rng, max(1, count)))
    return {PROMPT: "\n".join(["Results that were right before:", *(f"- {line}" for line in lines)])}


SHEETS = (
    Mechanism("answers of a quarter of all tasks", quarter),
    Mechanism("answers of half of all tasks", half),
    Mechanism("answers of all tasks", whole),
    Mechanism("answers of all tasks, and advice", beside_advice),
)
