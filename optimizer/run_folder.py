"""A run's folder: the one place that knows its file names."""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from traces.errors import ConfigError, NotFoundError, Place, UsageError
from traces.storage import storage_error

DRAFT = ".ledger.draft"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Name the files of one run, `runs/<id>/`."""

    path: Path

    @property
    def id(self) -> str:
        """Give the run's id."""
        return self.path.name

    @property
    def unborn(self) -> bool:
        """Say whether it was begun and never finished: a run exists from the moment its ledger has its name."""
        begun = {"run.yaml", "run.lock", "driver.lock", "candidates", "traces", "lessons.yaml"}
        return all(entry.name in begun or entry.name.startswith(DRAFT) for entry in self.path.iterdir())

    @property
    def draft(self) -> Path:
        """Name the ledger while it is made."""
        return self.path / DRAFT

    @property
    def config(self) -> Path:
        """Name the resolved run file."""
        return self.path / "run.yaml"

    @property
    def lock(self) -> Path:
        """Name the file of hashes the run stands on."""
        return self.path / "run.lock"

    @property
    def ledger(self) -> Path:
        """Name the ledger."""
        return self.path / "ledger.sqlite"

    @property
    def candidates(self) -> Path:
        """Name the folder of candidates."""
        return self.path / "candidates"

    @property
    def traces(self) -> Path:
        """Name the trace store."""
        return self.path / "traces"

    @property
    def report(self) -> Path:
        """Name the report."""
        return self.path / "report.md"

    @property
    def page(self) -> Path:
        """Name the report as a page."""
        return self.path / "report.html"

    @property
    def lessons(self) -> Path:
        """Name the copy of the book of lessons that the run began with."""
        return self.path / "lessons.yaml"

    @property
    def log(self) -> Path:
        """Name the file that takes the output of a driver without a terminal."""
        return self.path / "driver.log"

    def command(self, verb: str, *words: str) -> str:
        """Write the `ratchet` command that does something with this run, as a person would type it here."""
        where = [] if self.path.parent == Path("runs") else ["--runs-dir", str(self.path.parent)]
        return shlex.join(["ratchet", *verb.split(), self.id, *words, *where])

    def read_lock(self) -> dict[str, Any]:
        """Read the hashes and names the run stands on (Any: JSON).

        Raises:
            ConfigError: The file is missing or damaged.
        """
        hint = f"put {self.lock.name} back from a copy of the run, or begin a new run from {self.config}"
        try:
            lock = json.loads(self.lock.read_bytes())
        except FileNotFoundError:
            raise ConfigError("is missing", place=Place(self.lock), hint=hint) from None
        except OSError as error:
            raise (storage_error(error, self.lock) or error) from None
        except ValueError as error:
            raise ConfigError(f"is damaged: {error}", place=Place(self.lock), hint=hint) from None
        needed = ("uid", "suite", "splits", "harness", "config", "models", "sandbox")
        gone = needed if not isinstance(lock, dict) else [name for name in needed if name not in lock]
        if gone:
            raise ConfigError(f"is damaged: it lacks {', '.join(gone)}", place=Place(self.lock), hint=hint)
        return dict(lock)

    def write_lock(self, lock: Mapping[str, Any]) -> None:
        """Write the hashes as readable JSON (Any: JSON)."""
        self.lock.write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n")


def new_run(runs: Path, run: str) -> RunFolder:
    """Make the folder of a new run.

    Raises:
        UsageError: The id is not a plain name, or is taken.
    """
    if not RUN_ID.fullmatch(run):
        raise UsageError(f"run id {run!r} is not a plain name", hint="use letters, digits, dots, dashes")
    folder = RunFolder(runs / run)
    try:
        folder.path.mkdir(parents=True)
    except FileExistsError:
        if not folder.unborn:
            raise taken(folder) from None
    except OSError as error:
        raise UsageError(f"cannot make {folder.path}: {error.strerror}", hint="give another --runs-dir") from None
    return folder


def taken(folder: RunFolder) -> UsageError:
    """Say that a run of this id is there already."""
    hint = f"{folder.command('resume')}, or give another --run-id"
    return UsageError(f"run {folder.id!r} exists in {folder.path.parent}", hint=hint)


def list_runs(runs: Path) -> list[RunFolder]:
    """List the runs of a folder, newest first; a folder that is not there holds none.

    Raises:
        UsageError: It is no folder.
    """
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"{runs} is a file, not a folder of runs", hint="name a folder with --runs-dir")
    found = [RunFolder(path.parent) for path in runs.glob("*/ledger.sqlite")]
    return sorted(found, key=lambda folder: folder.ledger.stat().st_ctime, reverse=True)


def find_run(runs: Path, name: str) -> RunFolder:
    """Find a run by id, by a unique beginning of it, or as `last`.

    Raises:
        NotFoundError: No run, or more than one, goes by that name.
    """
    known = list_runs(runs)
    if name == "last" and known:
        return known[0]
    if not known:
        raise NotFoundError("run", name, hint=f"{runs} holds none; ratchet run configs/quickstart.yaml starts one")
    exact = [folder for folder in known if folder.id == name]
    begun = exact or [folder for folder in known if folder.id.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    ids = [folder.id for folder in begun or known]
    near = ids[:3] if begun else difflib.get_close_matches(name, ids, n=3, cutoff=0.4)
    raise NotFoundError("run", name, close_matches=near, hint=f"ratchet runs list --runs-dir {runs}")
