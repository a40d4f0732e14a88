"""What an author who overfits takes from a task: its answers, names, numbers and words.

Nothing here asks what the scan would find telling: answers are those that the suite itself names, or plain lines and
cells of what its verifier expects.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from random import Random

from benchmarks.task import Task
from optimizer.reflect.extract import cells

_LONG = 6
_DATA = (".csv", ".txt", ".json", ".md", ".log", ".tsv")
_BOOKS = (".xlsx", ".xlsm")
_NUMBER = re.compile(r"\d[\d.,']*\d")
_CLAUSE = re.compile(r"(?<=[.;:?!])\s+")


def answer(rng: Random, task: Task) -> str:
    """Draw one line of a task's answer."""
    known = [str(key) for key in task.metadata.get("answer_keys", ())]
    found = known or _expected(task)
    return rng.choice(found).replace("\n", " ") if found else task.id


def number(rng: Random, task: Task) -> str:
    """Draw the longest number of one line of a task's answer; its line where there is none."""
    line = answer(rng, task)
    return max(_NUMBER.findall(line), key=len, default=line)


def file_name(rng: Random, task: Task) -> str:
    """Draw the name of an input file; the task's id where it has none."""
    return PurePosixPath(rng.choice(sorted(task.environment.files))).name if task.environment.files else task.id


def clause(rng: Random, task: Task, words: int) -> str:
    """Draw so many words in a row from a task's instruction."""
    found = task.instruction.split()
    start = rng.randrange(max(1, len(found) - words + 1))
    return " ".join(found[start : start + words])


def keywords(task: Task, count: int) -> list[str]:
    """List the longest words of a task's instruction."""
    found = {word.lower() for word in re.findall(r"[A-Za-z]{5,}", task.instruction)}
    return sorted(found, key=lambda word: (-len(word), word))[:count]


def first_sentence(task: Task) -> str:
    """Give the first clause of a task's instruction."""
    return _CLAUSE.split(task.instruction.strip(), maxsplit=1)[0]


def _expected(task: Task) -> list[str]:
    lines: list[str] = []
    for path, content in sorted(task.tests.items()):
        if path.lower().endswith(_BOOKS):
            lines += [cell for cell in cells(content) if len(cell) >= _LONG][:200]
        elif path.lower().endswith(_DATA):
            lines += [line for line in content.decode("utf-8", "replace").splitlines() if len(line) >= _LONG][:200]
    return lines
