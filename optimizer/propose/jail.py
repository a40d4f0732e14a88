"""Where a proposer's commands run: a sandbox that shows its workspace, and nothing else of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from optimizer.propose import query
from optimizer.propose.views import View
from optimizer.propose.workspace import HARNESS, READABLE, TEXTS, TRACES, Workspace
from task_agent.sandbox import Sandbox, SandboxKind, SandboxSpec, open_sandbox, probe
from traces.errors import SandboxUnavailableError

WORKSPACE = "/workspace"
SUBMISSION = "submission.json"
OUTPUT_BYTES = 24_000
Wanted = Literal["auto", "none", "bubblewrap", "docker"]

_ISOLATING: tuple[SandboxKind, ...] = ("bubblewrap", "docker")
_PYTHON = Path("/usr/bin/python3")

README = """This folder is all that there is; there is no network.

harness/         working copy of {start}: change it with commands or with edit_file
candidates/      earlier candidates: about.json (claim, evidence, verdict, prediction and outcome), diff.patch
tasks/           instructions of the train tasks; index.jsonl lists them
clusters/        failing train attempts sorted by what they have in common, where this session shows them
digests/         what an analyst wrote of single failing attempts, where there are any
lessons/         what earlier sessions and nights taught; empty when nothing did
attempts.jsonl   how every train attempt ended
{traces}
Only harness/ is kept. The rest of this folder is read-only; notes and scripts of your own may stand beside it or in
/tmp, and may be gone when a session was broken off and taken up again.
Held-out and test tasks, their traces and scores, verifiers, solutions, the ledger and keys are not here.
"""
_TEXTS = "traces/text/    one text file for each train attempt that has ended: <candidate>/<task>/<attempt>.txt\n"
_PARQUET = "traces/parquet/ the same as Parquet, one row per event\n"
_QUERY = (
    'query.py        python3 query.py "SELECT kind, count(*) FROM events GROUP BY 1" (DuckDB), rows as JSON lines\n'
)
_NO_QUERY = "                (DuckDB is not installed here: use the tool query_traces for SQL)\n"
_NOT_SHOWN = "traces/         not shown in this session\n"


@dataclass(frozen=True, slots=True)
class Extras:
    """Hold what a jail has besides the workspace: more files in it, what is shown elsewhere, variables."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    shown: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    output_bytes: int = OUTPUT_BYTES


@dataclass(frozen=True, slots=True)
class Jail:
    """Say which kind of sandbox a proposer's commands get, and of which image (docker; None is the base image)."""

    kind: SandboxKind
    image: str | None = None
    network: bool = False

    def open(self, workspace: Workspace, *, view: View = "traces", extras: Extras | None = None) -> Sandbox:
        """Make the sandbox of one session; it starts at its first command.

        Raises:
            SandboxUnavailableError: The kind isolates nothing, or cannot give a network.
        """
        if self.kind not in _ISOLATING:
            raise SandboxUnavailableError(f"a proposer's commands are not run in the {self.kind} sandbox")
        return open_sandbox(self.kind, self._spec(workspace, view, extras or Extras()))

    def _spec(self, workspace: Workspace, view: View, extras: Extras) -> SandboxSpec:
        names = [name for name in (*READABLE, "attempts.jsonl") if (workspace.root / name).exists()]
        shown = {f"{WORKSPACE}/{name}": workspace.root / name for name in names}
        if view == "traces":
            shown |= dict(_traces(workspace, sql=self.has_sql))
        files = {f"{HARNESS}/{path}": content for path, content in workspace.bundle().files.items()}
        return SandboxSpec(
            workdir=WORKSPACE,
            files={**files, **extras.files, "README.md": self._readme(workspace, view).encode()},
            shown={**shown, **extras.shown},
            env=extras.env,
            image=self.image,
            network=self.network,
            memory_mb=1024,
            pids=256,
            output_limit_bytes=extras.output_bytes,
        )

    def _readme(self, workspace: Workspace, view: View) -> str:
        seen = _NOT_SHOWN if view != "traces" else _TEXTS + _PARQUET + (_QUERY if self.has_sql else _NO_QUERY)
        return README.format(start=workspace.champion_id, traces=seen)

    @property
    def has_sql(self) -> bool:
        """Say whether DuckDB can be shown to the jail's own Python: only where both are of one version."""
        return self.kind == "bubblewrap" and _system_python() == sys.version_info[:2]


def _traces(workspace: Workspace, *, sql: bool) -> Iterator[tuple[str, Path]]:
    """Name the train traces as text and as Parquet, and what answers SQL."""
    if workspace.texts is not None:
        yield f"{WORKSPACE}/{TRACES}/text", workspace.root / TEXTS
    yield f"{WORKSPACE}/{TRACES}/parquet", workspace.root / TRACES
    if sql:
        yield f"{WORKSPACE}/query.py", Path(query.__file__)
        yield from _duckdb()


def _duckdb() -> Iterator[tuple[str, Path]]:
    """Name the parts of the installed DuckDB, and nothing that lies beside them."""
    for name in ("duckdb", "_duckdb"):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            part = origin.parent if origin.name == "__init__.py" else origin
            yield f"{query.DUCKDB}/{part.name}", part
    about = Path(str(distribution("duckdb").locate_file(f"duckdb-{version('duckdb')}.dist-info")))
    if about.is_dir():
        yield f"{query.DUCKDB}/{about.name}", about


def _system_python() -> tuple[int, ...]:
    if not _PYTHON.exists():
        return ()
    said = subprocess.run(
        [_PYTHON, "-IS", "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return tuple(map(int, said.stdout.split()))


def choose_jail(wanted: Wanted, tasks: SandboxKind, *, image: str | None = None, network: bool = False) -> Jail | None:
    """Take what was asked for; for `auto` the kind that tasks run in, else another that isolates; None is no shell.

    Only docker has images and a network.

    Raises:
        SandboxUnavailableError: The kind asked for does not work here.
    """
    if wanted == "none":
        return None
    if wanted == "auto" and (image or network):
        wanted = "docker"
    if wanted != "auto":
        tried = probe(wanted)
        if not tried.ok:
            reason = f"the {wanted} sandbox for the proposer does not work here: {tried.reason}"
            raise SandboxUnavailableError(reason, hint="`ratchet doctor`")
        return Jail(wanted, image, network)
    order = sorted(_ISOLATING, key=lambda kind: kind != tasks)
    return next((Jail(kind, image) for kind in order if probe(kind).ok), None)
