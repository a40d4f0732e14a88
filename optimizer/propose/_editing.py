"""What a proposer can change, and what it must say when it is done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from optimizer.lessons import MAX_TEXT_CHARS
from optimizer.propose.prediction import Prediction
from optimizer.propose.views import TRAIN
from optimizer.propose.workspace import HARNESS, READABLE, Workspace
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.surface import violations
from task_agent.harness.validate import validate
from task_agent.tools.base import ToolInput
from traces.errors import NotFoundError, UsageError

MAX_TITLE_CHARS = 120


@dataclass(frozen=True, slots=True)
class Proposal:
    """Hold one submitted change: the whole harness, and what its author claims."""

    bundle: HarnessBundle
    title: str
    hypothesis: str
    evidence: tuple[str, ...]
    prediction: Prediction
    refuted_by: str
    lesson: str = ""
    lessons_used: tuple[str, ...] = ()


def edit_file(workspace: Workspace, given: ToolInput) -> str:
    """Change one file of the working copy; a change outside the edit surface is refused at once."""
    path = _harness_path(str(given["path"]))
    before = workspace.bundle()
    new = str(given["new"])
    content = _replaced(before, path, str(given["old"]), new) if given.get("old") else new
    files = dict(before.files)
    if content or given.get("old"):
        files[path] = content.encode()
    elif files.pop(path, None) is None:
        raise NotFoundError("file", path)
    after = HarnessBundle(files)
    problem = _problem(workspace, after)
    _write(workspace, after, path)
    done = f"{'changed' if path in after.files else 'deleted'} {path}"
    return f"{done}; as it stands the harness does not load: {problem}" if problem else done


def submission(workspace: Workspace, given: ToolInput) -> Proposal:
    """Check everything a submission says against the workspace.

    Raises:
        UsageError, NotFoundError, HarnessError: It does not hold; says what to mend.
    """
    prediction = given["prediction"]
    return Proposal(
        bundle=checked(workspace),
        title=" ".join(_said(given, "title").split())[:MAX_TITLE_CHARS],
        hypothesis=_said(given, "hypothesis"),
        evidence=_evidence(workspace, _strings(given["evidence"], "evidence")),
        prediction=_foretold(workspace, prediction if isinstance(prediction, dict) else {}),
        refuted_by=_said(given, "refuted_by"),
        lesson=_lesson(str(given.get("lesson") or "")),
        lessons_used=_lessons_used(workspace, _strings(given.get("lessons_used") or (), "lessons_used")),
    )


def checked(workspace: Workspace) -> HarnessBundle:
    """Read the working copy as something that could be attempted.

    Raises:
        UsageError, HarnessError: Nothing has changed, it does not load, or the change leaves the edit surface.
    """
    bundle = workspace.bundle()
    if bundle.hash == workspace.champion.hash:
        raise UsageError("nothing has changed", hint="edit the harness with edit_file first")
    validate(bundle)
    _check_surface(workspace, bundle)
    return bundle


def _harness_path(path: str) -> str:
    parts = path.removeprefix("./").removeprefix(f"{HARNESS}/")
    if parts.split("/")[0] in READABLE:
        raise UsageError(f"{path!r} can be read, not changed")
    return parts


def _replaced(bundle: HarnessBundle, path: str, old: str, new: str) -> str:
    if path not in bundle.files:
        near = difflib.get_close_matches(path, list(bundle.files), n=3, cutoff=0.4)
        raise NotFoundError("file", path, close_matches=near)
    text = bundle.files[path].decode()
    count = text.count(old)
    if count != 1:
        raise UsageError(f"`old` occurs {count} times in {path}; it must occur exactly once")
    return text.replace(old, new)


def _problem(workspace: Workspace, bundle: HarnessBundle) -> str:
    """Say why the harness does not load yet; an edit may pass through such a state.

    Raises:
        UsageError: The change leaves the edit surface.
    """
    try:
        _check_surface(workspace, bundle)
        validate(bundle)
    except HarnessError as error:
        return str(error)
    return ""


def _check_surface(workspace: Workspace, bundle: HarnessBundle) -> None:
    found = violations(workspace.surface, workspace.champion, bundle)
    if found:
        raise UsageError(f"outside the edit surface: {'; '.join(found)}")


def _write(workspace: Workspace, bundle: HarnessBundle, path: str) -> None:
    target = workspace.harness / path
    if path not in bundle.files:
        target.unlink()
        for folder in target.relative_to(workspace.harness).parents:
            if folder.parts and not any((workspace.harness / folder).iterdir()):
                (workspace.harness / folder).rmdir()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(bundle.files[path])


def _said(given: ToolInput, name: str) -> str:
    text = str(given[name]).strip()
    if not text:
        raise UsageError(f"`{name}` is empty")
    return text


def _strings(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"`{name}` must be a list of strings")
    return tuple(dict.fromkeys(value))


def _evidence(workspace: Workspace, ids: tuple[str, ...]) -> tuple[str, ...]:
    if not ids and workspace.attempts:
        raise UsageError("`evidence` is empty", hint="name the train attempts that show the cause")
    known = {attempt.id for attempt in workspace.attempts}
    if not known.issuperset(ids):
        known |= set(workspace.store.attempts(split=TRAIN))
    _check_known("attempt", ids, known)
    return ids


def _lesson(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > MAX_TEXT_CHARS:
        raise UsageError(
            f"`lesson` has {len(line)} characters, and at most {MAX_TEXT_CHARS} are remembered",
            hint="say it in one shorter sentence",
        )
    return line


def _lessons_used(workspace: Workspace, ids: tuple[str, ...]) -> tuple[str, ...]:
    if ids and not workspace.lessons:
        raise UsageError("`lessons_used` names lessons, and this session was told of none", hint="leave it out")
    _check_known("lesson", ids, set(workspace.lessons))
    return ids


def _foretold(workspace: Workspace, given: ToolInput) -> Prediction:
    fixes, at_risk = (_strings(given.get(name, ()), f"prediction.{name}") for name in ("fixes", "at_risk"))
    if not fixes and workspace.tasks:
        raise UsageError("`prediction.fixes` is empty", hint="name at least one train task that should pass")
    known = {task.id for task in workspace.tasks} | {attempt.task for attempt in workspace.attempts}
    _check_known("train task", (*fixes, *at_risk), known)
    return Prediction(fixes, at_risk)


def _check_known(kind: str, ids: Iterable[str], known: set[str]) -> None:
    for name in ids:
        if name not in known:
            raise NotFoundError(
                kind, name, close_matches=difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.4)
            )
