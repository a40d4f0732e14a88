"""The tools a proposer is offered, as the model is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optimizer.lessons import MAX_TEXT_CHARS
from task_agent.models.base import ToolSchema


def _schema(properties: Mapping[str, Any], required: Sequence[str] = ()) -> Mapping[str, Any]:  # Any: JSON Schema
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str) -> Mapping[str, str]:
    return {"type": "string", "description": description}


def _texts(description: str) -> Mapping[str, Any]:  # Any: JSON Schema
    return {"type": "array", "items": {"type": "string"}, "description": description}


LIST_ATTEMPTS = ToolSchema(
    name="list_attempts",
    description=(
        "List train attempts and how they ended, one JSON object per line, the champion's first. "
        "`reward` null means missing: infrastructure failed, and nothing is known."
    ),
    input_schema=_schema(
        {
            "candidate": _text("Only attempts of this candidate, such as c000."),
            "outcome": {"type": "string", "enum": ["failed", "passed", "missing"]},
            "task": _text("Only attempts at this task."),
            "limit": {"type": "integer", "description": "At most so many lines (20 when left out, 200 at most)."},
        }
    ),
)

READ_TRACE = ToolSchema(
    name="read_trace",
    description=(
        "Read what happened in one train attempt: what the agent was told, thought, ran and saw, and what the "
        "verifier said. Read several traces before you believe in a cause."
    ),
    input_schema=_schema(
        {
            "attempt": _text("The attempt's id as `list_attempts` gives it."),
            "only": _text("Only events of these kinds, by commas: tool, reasoning, prompt, verifier, error, ..."),
            "grep": _text("Only events with a line that matches this regular expression (RE2), and lines around it."),
        },
        ["attempt"],
    ),
)

LIST_CLUSTERS = ToolSchema(
    name="list_clusters",
    description=(
        "List failure clusters: failing train attempts of one candidate sorted by what they have in common, the "
        "largest first, one JSON object per line, with counts, example attempts and the event to look at first. "
        "`basis` says what put them together: digest (a cause an analyst named), ending, check, error or command. "
        "A cluster is a place to start reading; the traces are the evidence."
    ),
    input_schema=_schema(
        {
            "candidate": _text("Whose failures; the champion's when left out."),
            "task": _text("Only attempts at this task."),
            "cluster": _text("Show this one in full, with all its attempts and their digests."),
        }
    ),
)

READ_DIGEST = ToolSchema(
    name="read_digest",
    description=(
        "Read what an analyst wrote of one failing train attempt: a short cause, the event where it went wrong, a "
        "quoted line, what happened. It can be wrong; `read_trace`, where there is one, shows what really happened."
    ),
    input_schema=_schema({"attempt": _text("The attempt's id.")}, ["attempt"]),
)

COMPARE_ATTEMPTS = ToolSchema(
    name="compare_attempts",
    description=(
        "Set two train attempts of one task side by side, such as one that passed and one that failed, from where "
        "they first part."
    ),
    input_schema=_schema(
        {"passing": _text("The attempt to show on the left."), "failing": _text("The one on the right.")},
        ["passing", "failing"],
    ),
)

QUERY_TRACES = ToolSchema(
    name="query_traces",
    description=(
        "Ask a question of all train traces with one SELECT (DuckDB) over the view `events`, one row per event: "
        "run, candidate, task, split, attempt, seq, ts, kind, agent, turn, name, text, data (JSON text), "
        "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms. "
        "Answers in JSON lines."
    ),
    input_schema=_schema({"sql": _text("One SELECT.")}, ["sql"]),
)

READ_FILE = ToolSchema(
    name="read_file",
    description=(
        "Read a file of the working copy of the harness; `.` lists its files. Paths that begin with candidates/ "
        "(about.json and diff.patch of earlier candidates) or tasks/ (instructions of train tasks; index.jsonl "
        "lists them), lessons/, clusters/ or digests/ can be read too."
    ),
    input_schema=_schema({"path": _text("Relative path, such as prompts/system.md.")}, ["path"]),
)

EDIT_FILE = ToolSchema(
    name="edit_file",
    description=(
        "Change a file of the working copy of the harness. With `old`: puts `new` in its place; `old` must occur "
        "exactly once. Without `old`: writes the whole file, which may be a new one; an empty `new` deletes it."
    ),
    input_schema=_schema(
        {
            "path": _text("Relative path in the harness."),
            "new": _text("The new text."),
            "old": _text("Text to replace."),
        },
        ["path", "new"],
    ),
)

SUBMIT_CHANGE = ToolSchema(
    name="submit_change",
    description=(
        "Submit the working copy as one candidate and end the session. It is refused, and the session goes on, "
        "when nothing has changed, the harness does not load, the change leaves the edit surface, an evidence id "
        "does not exist, the prediction names no task it fixes, it is not said what would refute it, a lesson is too "
        "long, or one it stands on is not known."
    ),
    input_schema=_schema(
        {
            "title": _text("One line: what changes."),
            "hypothesis": _text("The cause you found, and why this one mechanism removes it."),
            "evidence": _texts("Ids of the train attempts that show the cause."),
            "prediction": {
                "type": "object",
                "description": "What should happen on train tasks; it is held against what does.",
                "properties": {
                    "fixes": _texts("Ids of tasks that fail now and should pass."),
                    "at_risk": _texts("Ids of tasks that pass now and might fail."),
                },
                "required": ["fixes", "at_risk"],
                "additionalProperties": False,
            },
            "refuted_by": _text("What you would have to see in fresh attempts at train tasks to give the claim up."),
            "lesson": _text(
                "One general sentence about why attempts fail, worth remembering on other nights: no task's names, "
                f"numbers or texts, at most {MAX_TEXT_CHARS} characters. Empty when there is none; in the very words "
                "of a known lesson when it says the same."
            ),
            "lessons_used": _texts("Ids of the lessons that this change stands on, of those this session was told."),
        },
        ["title", "hypothesis", "evidence", "prediction", "refuted_by"],
    ),
)

PROPOSER_TOOLS = (
    LIST_ATTEMPTS,
    LIST_CLUSTERS,
    READ_DIGEST,
    READ_TRACE,
    COMPARE_ATTEMPTS,
    QUERY_TRACES,
    READ_FILE,
    EDIT_FILE,
    SUBMIT_CHANGE,
)
