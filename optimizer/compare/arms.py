"""Who is compared: candidates, champions of runs, harness folders and exports, each as one arm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from optimizer.candidates import BASELINE, Archive
from optimizer.compare.imported import Imported, find_imported
from optimizer.export.manifest import HARNESS
from optimizer.export.manifest import NAME as MANIFEST
from optimizer.facts import Facts, read_facts
from optimizer.registry import registry_of
from optimizer.run_folder import RunFolder, find_run, list_runs
from task_agent.harness import HarnessBundle, load_bundle
from task_agent.harness.bundle import SPEC_PATH
from traces.errors import NotFoundError, UsageError

MOST_ARMS = 12
CANDIDATE = re.compile(r"c\d{3,}|baseline|champion")


@dataclass(frozen=True, slots=True)
class Origin:
    """Say what an arm was tuned on: hashes of suite and splits, those of the run's last gate epoch where it is here."""

    suite: str
    splits: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Hold one side of a comparison; `label` is A, B, C in the order they were named.

    `run` is the run it stems from, where that is here; `origin` is None when nothing is known of where it
    was tuned. `bundle` is None for trials that were `imported`: who made them cannot be run here.
    """

    label: str
    name: str
    title: str
    bundle: HarnessBundle | None
    run: RunFolder | None = None
    candidate: str = ""
    origin: Origin | None = None
    exported: bool = False
    imported: Imported | None = None

    @property
    def hash(self) -> str:
        """Give the harness's identity; that of an imported agent is no bundle's."""
        if self.bundle is not None:
            return self.bundle.hash
        return self.imported.agent.hash if self.imported else ""

    @property
    def drawable(self) -> HarnessBundle:
        """Give the harness to draw attempts with.

        Raises:
            UsageError: The arm was imported.
        """
        if self.bundle is None:
            raise UsageError(
                f"no attempts can be made for {self.label} ({self.name}): its trials were imported, and nothing here"
                " can run its agent",
                hint="leave out --attempts to compare with the trials that are there",
            )
        return self.bundle


def find_arms(words: Sequence[str], runs: Path) -> list[Arm]:
    """Find what the words name, in order.

    A folder that exists is a harness, an export or a Harbor job (`JOB@AGENT` where several agents made its
    trials); `RUN` is a run's champion, `RUN/c003` its candidate;
    `c003`, `baseline` and `champion` alone belong to the run named last before them, or to the last run.

    Raises:
        UsageError: Fewer than two arms, or too many.
        NotFoundError: A word names nothing.
        ConfigError: A harness does not load, or an export was changed.
    """
    if not 2 <= len(words) <= MOST_ARMS:
        said = f"a comparison takes 2 to {MOST_ARMS} harnesses, not {len(words)}"
        raise UsageError(said, hint="ratchet compare A B, such as: ratchet compare last/baseline last")
    found: list[Arm] = []
    near = "last"
    for label, word in zip(ascii_uppercase, words, strict=False):
        arm = _find(label, word, near, runs)
        near = arm.run.id if arm.run is not None else near
        found.append(arm)
    return found


def _find(label: str, word: str, near: str, runs: Path) -> Arm:
    folder = Path(word)
    if (folder / MANIFEST).is_file():
        return _export(label, word, runs)
    if not (folder / SPEC_PATH).is_file() and (imported := find_imported(word)):
        return Arm(label, word, imported.title, None, imported=imported)
    if folder.is_dir() and ("/" in word or (folder / SPEC_PATH).is_file()):
        return Arm(label, word, "", load_bundle(folder))
    if CANDIDATE.fullmatch(word):
        return _candidate(label, near, word, runs)
    run, slash, candidate = word.rpartition("/")
    try:
        return _candidate(label, run, candidate, runs) if slash else _candidate(label, word, "champion", runs)
    except NotFoundError as error:
        if error.kind == "run":
            error.hint = (
                f"name a run, RUN/c003, or a folder with a harness.yaml, an export or a Harbor job; {error.hint}"
            )
        raise


def _candidate(label: str, run: str, candidate: str, runs: Path) -> Arm:
    folder = find_run(runs, run)
    facts = read_facts(folder)
    names = {"champion": facts.state.champion, "baseline": BASELINE}
    row = facts.candidate(names.get(candidate, candidate))
    bundle = load_bundle(Archive(folder.candidates).folder(row.id) / "harness")
    origin = Origin(facts.lock["suite"], _splits(folder))
    return Arm(label, f"{folder.id}/{row.id}", _title(facts, row.id, row.title), bundle, folder, row.id, origin)


def _splits(folder: RunFolder) -> str:
    """Give the hash of the splits a run works on now: tasks held out at its beginning may have become visible."""
    lock = folder.read_lock()
    record = registry_of(folder.path.parent).record(lock["suite"], lock["uid"])
    return record.splits.hash if record else str(lock["splits"])


def _title(facts: Facts, candidate: str, title: str) -> str:
    """Say in a few words what a candidate is."""
    verdict = facts.verdicts.get(candidate)
    words = "baseline" if candidate == BASELINE else title
    standing = "champion" if candidate == facts.state.champion else verdict.verdict.value if verdict else ""
    return ", ".join(filter(None, [words, standing if candidate != BASELINE else ""]))


def _export(label: str, word: str, runs: Path) -> Arm:
    """Read an export, every byte as its manifest says; the run it stems from may be here."""
    from optimizer.export import verify_export

    manifest = verify_export(Path(word))
    home = next((folder for folder in list_runs(runs) if folder.id == manifest.run), None)
    title = f"export of {manifest.candidate} of run {manifest.run}"
    origin = Origin(manifest.suite, manifest.splits)
    return Arm(label, word, title, load_bundle(Path(word) / HARNESS), home, manifest.candidate, origin, exported=True)
