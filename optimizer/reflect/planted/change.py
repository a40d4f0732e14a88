"""A planted change: a harness made from a parent by a known mechanism, overfitted or honest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.task import Task
from task_agent.harness import HarnessBundle

PROMPT = "prompts/system.md"
SPEC = "harness.yaml"

Edits = Mapping[str, str]
"""Path -> text. A text for the prompt or `harness.yaml` is put below what stands there; any other file is new."""


@dataclass(frozen=True, slots=True)
class Source:
    """Hold what changes are planted from: a task or a few, and what an honest author never reads."""

    tasks: Sequence[Task]

    def one(self, rng: Random) -> Task:
        """Draw a task."""
        return self.tasks[rng.randrange(len(self.tasks))]

    def some(self, rng: Random, count: int) -> list[Task]:
        """Draw a few different tasks."""
        return rng.sample(list(self.tasks), min(count, len(self.tasks)))


@dataclass(frozen=True, slots=True)
class Mechanism:
    """Describe one way to plant changes.

    `tuned` says that the scan was written with this way in view; the others it had never met when they were first
    counted, and was not changed for afterwards.
    """

    name: str
    make: Callable[[Random, Source], Edits]
    tuned: bool = False


@dataclass(frozen=True, slots=True)
class Planted:
    """Hold one planted change with its truth."""

    name: str
    mechanism: str
    overfit: bool
    tuned: bool
    child: HarnessBundle


def plant(
    mechanisms: Sequence[Mechanism],
    source: Source,
    parent: HarnessBundle,
    *,
    overfit: bool,
    each: int,
    seed: int,
) -> list[Planted]:
    """Plant `each` changes by every mechanism; the same seed gives the same bytes."""
    made = []
    for mechanism in mechanisms:
        for number in range(each):
            rng = Random(f"planted:{seed}:{mechanism.name}:{number}")
            child = applied(parent, mechanism.make(rng, source))
            made.append(Planted(f"{mechanism.name} {number + 1}", mechanism.name, overfit, mechanism.tuned, child))
    return made


def applied(parent: HarnessBundle, edits: Edits) -> HarnessBundle:
    """Put edits into a harness."""
    files = dict(parent.files)
    for path, text in edits.items():
        below = files.get(path, b"") if path in (PROMPT, SPEC) else b""
        files[path] = below + f"{text.rstrip()}\n".encode()
    return HarnessBundle(files)


def tool(name: str, description: str, script: str, **properties: Mapping[str, object]) -> dict[str, str]:
    """Write the two files of a script tool."""
    schema = {"type": "object", "properties": properties or {"path": {"type": "string"}}}
    described = [f"name: {name}", f"description: {json.dumps(description)}", f"input_schema: {json.dumps(schema)}"]
    return {f"tools/{name}/tool.yaml": "\n".join(described), f"tools/{name}/run": script}


def skill(name: str, description: str, text: str) -> dict[str, str]:
    """Write the file of a skill."""
    return {f"skills/{name}/SKILL.md": f"---\nname: {name}\ndescription: {description}\n---\n{text}"}
