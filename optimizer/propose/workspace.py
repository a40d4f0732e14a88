"""The folder a proposer works in: the champion to change, and everything there is to learn from, train only."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from optimizer.propose.digests import Digest
from optimizer.propose.views import TRAIN, AttemptView, CandidateView, TaskBrief, WallError
from task_agent.harness.bundle import HarnessBundle, read_folder, save_bundle
from task_agent.harness.surface import EditSurface
from traces.errors import NotFoundError, UsageError
from traces.store import TraceStore
from traces.texts import write_texts

HARNESS, CANDIDATES, TASKS, TRACES, LESSONS = "harness", "candidates", "tasks", "traces", "lessons"
CLUSTERS, DIGESTS, TEXTS = "clusters", "digests", "texts"
STAGED = ".harness"
READABLE = (CANDIDATES, TASKS, LESSONS, CLUSTERS, DIGESTS)
"""Folders that `read_file` shows beside the harness; they cannot be written."""

README = """This folder is all that a proposer has.

harness/        working copy of {start}; the only thing that may change
candidates/     earlier candidates: about.json (claim, evidence, verdict, prediction and outcome), diff.patch
tasks/          instructions of the train tasks
attempts.jsonl  how every train attempt ended
lessons/        what earlier sessions and nights taught; empty when nothing did
clusters/       failing train attempts sorted by what they have in common, a file for each candidate
digests/        what an analyst wrote of single failing attempts; the trace itself is the evidence
traces/         everything that happened in the train attempts
                (attempts with `imported` were made elsewhere by another agent: read them, no score counts them)

Held-out and test tasks, their traces and scores, verifiers, solutions, the ledger and keys are not here.
"""


@dataclass(frozen=True)
class Workspace:
    """Hold one proposer's folder and what it was made from.

    Make it with `build`; `attempts` grow by what the session tries, `lessons` are the ids it was told. Nothing in the
    folder leads out of it, and nothing that is not train ever enters it: rows of other splits are refused, and traces
    are copied split by split.
    """

    root: Path
    champion: HarnessBundle
    champion_id: str
    history: tuple[CandidateView, ...]
    attempts: list[AttemptView]
    tasks: tuple[TaskBrief, ...]
    surface: EditSurface
    digests: tuple[Digest, ...] = ()
    texts: Path | None = None
    lessons: list[str] = field(default_factory=list)

    @classmethod
    def build(
        cls,
        root: Path,
        *,
        champion: HarnessBundle,
        champion_id: str,
        history: Sequence[CandidateView],
        store: TraceStore,
        attempts: Sequence[AttemptView],
        tasks: Sequence[TaskBrief],
        surface: EditSurface,
        digests: Sequence[Digest] = (),
        texts: Path | None = None,
        but: Callable[[str], bool] = lambda attempt: False,
    ) -> Workspace:
        """Fill the folder `root`; an earlier workspace there is brought up to date, its edits dropped.

        Args:
            root: The folder; absent, empty, or an earlier workspace.
            champion: The harness to improve.
            champion_id: Its candidate id.
            history: Earlier candidates, oldest first.
            store: The run's traces; only those of train are copied.
            attempts: How train attempts ended.
            tasks: The train tasks.
            surface: What may be changed.
            digests: What analysts wrote of train attempts.
            but: Names attempts whose traces stay out.
            texts: A folder, kept over sessions, where the text of each train attempt is rendered, for a shell to read.

        Raises:
            WallError: An attempt, a task or a digest is not of train.
            UsageError: Something else is in the folder.
        """
        _check_walls(attempts, tasks, digests)
        _clear(root)
        save_bundle(champion, root / HARNESS)
        (root / "README.md").write_text(README.format(start=champion_id), encoding="utf-8")
        write_lines(root / "attempts.jsonl", (attempt.to_record() for attempt in attempts))
        _write_candidates(root / CANDIDATES, history)
        _write_tasks(root / TASKS, tasks)
        (root / LESSONS).mkdir()
        store.copy_split(TRAIN, root / TRACES, but=but)
        if texts is not None:
            write_texts(TraceStore(root / TRACES), root / TEXTS, kept=texts)
        rows = (tuple(history), list(attempts), tuple(tasks))
        return cls(root, champion, champion_id, *rows, surface, tuple(digests), texts)

    def learn(self, attempts: Sequence[AttemptView], store: TraceStore, *, but: Callable[[str], bool]) -> None:
        """Take in train attempts that were made since, and their traces; `but` names attempts that stay out.

        Raises:
            WallError: One is not of train.
        """
        _check_walls(attempts, (), ())
        known = {attempt.id for attempt in self.attempts}
        self.attempts.extend(attempt for attempt in attempts if attempt.id not in known)
        write_lines(self.root / "attempts.jsonl", (attempt.to_record() for attempt in self.attempts))
        store.copy_split(TRAIN, self.root / TRACES, but=but)
        if self.texts is not None:
            write_texts(self.store, self.root / TEXTS, kept=self.texts)

    def write_lessons(self, lines: Iterable[str], ids: Iterable[str] = ()) -> None:
        """Put what earlier sessions and nights taught where a shell finds it; nothing leaves the folder empty.

        `ids` are the lessons that a change may say it stands on.
        """
        self.lessons[:] = ids
        if text := "\n".join(lines):
            (self.root / LESSONS / "lessons.md").write_text(text + "\n", encoding="utf-8")

    @property
    def store(self) -> TraceStore:
        """Open the copy of the train traces."""
        return TraceStore(self.root / TRACES)

    @property
    def harness(self) -> Path:
        """Name the folder of the working copy."""
        return self.root / HARNESS

    def bundle(self) -> HarnessBundle:
        """Read the working copy as it stands.

        Raises:
            HarnessError: It holds a link, a special file or too much.
        """
        return read_folder(self.harness)

    def put_back(self, files: Mapping[str, bytes]) -> None:
        """Make the working copy hold exactly these files.

        Raises:
            HarnessError: They are no files of a harness, or too many; the working copy stays as it is.
        """
        bundle = HarnessBundle(files)
        staged = self.root / STAGED
        shutil.rmtree(staged, ignore_errors=True)
        save_bundle(bundle, staged)
        shutil.rmtree(self.harness)
        staged.rename(self.harness)

    def locate(self, path: str) -> Path:
        """Find the file or folder a proposer means: below one of `READABLE`, else in the harness.

        Raises:
            UsageError: The path is absolute, has `..`, or passes through a link.
            NotFoundError: There is nothing there.
        """
        parts = _parts(path)
        if parts and parts[0] == HARNESS:
            parts = parts[1:]
        start = self.root if parts and parts[0] in READABLE else self.harness
        found = start
        for part in parts:
            found /= part
            if found.is_symlink():
                raise UsageError(f"{path!r} passes through a link")
        if not found.exists():
            raise NotFoundError("file", path, hint='`read_file` with path "." lists the harness')
        return found


def slug(name: str) -> str:
    """Turn an id into a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:80] or "unnamed"


def _parts(path: str) -> tuple[str, ...]:
    if "\0" in path or "\\" in path or path.startswith(("/", "~")) or len(path) > 300:
        raise UsageError(f"{path[:80]!r} is not a path below the workspace")
    parts = PurePosixPath(path).parts
    if ".." in parts:
        raise UsageError(f"{path!r} leads out of the workspace")
    return parts


def _check_walls(attempts: Iterable[AttemptView], tasks: Iterable[TaskBrief], digests: Iterable[Digest]) -> None:
    for attempt in attempts:
        if attempt.split != TRAIN:
            raise WallError("attempt", attempt.id, attempt.split)
    for task in tasks:
        if task.split != TRAIN:
            raise WallError("task", task.id, task.split)
    for digest in digests:
        if digest.split != TRAIN:
            raise WallError("digest of attempt", digest.attempt, digest.split)


def _clear(root: Path) -> None:
    """Empty an earlier workspace of all but its traces, which are only ever added to."""
    root.mkdir(parents=True, exist_ok=True)
    known = {HARNESS, STAGED, TRACES, TEXTS, *READABLE, "README.md", "attempts.jsonl"}
    strangers = sorted(entry.name for entry in root.iterdir() if entry.name not in known or entry.is_symlink())
    if strangers:
        raise UsageError(f"{root} is no proposer's workspace: it holds {strangers[0]!r}")
    for name in (HARNESS, STAGED, TEXTS, *READABLE):
        shutil.rmtree(root / name, ignore_errors=True)


def _write_candidates(folder: Path, history: Iterable[CandidateView]) -> None:
    folder.mkdir()
    for candidate in history:
        own = folder / slug(candidate.id)
        own.mkdir()
        about = json.dumps(candidate.to_record(), indent=1, ensure_ascii=False)
        (own / "about.json").write_text(about + "\n", encoding="utf-8")
        (own / "diff.patch").write_text(candidate.diff, encoding="utf-8")


def _write_tasks(folder: Path, tasks: Iterable[TaskBrief]) -> None:
    folder.mkdir()
    index: list[dict[str, str]] = []
    for task in tasks:
        name = f"{slug(task.id)}.md"
        if (folder / name).exists():
            name = f"{slug(task.id)}-{len(index)}.md"
        (folder / name).write_text(task.instruction.rstrip() + "\n", encoding="utf-8")
        index.append({"task": task.id, "category": task.category, "file": f"{TASKS}/{name}"})
    write_lines(folder / "index.jsonl", index)


def write_lines(path: Path, records: Iterable[object]) -> None:
    """Write one JSON value a line."""
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
