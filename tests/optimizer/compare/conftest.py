"""A copy of the finished run that a test may compare in, and the command line on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from optimizer.cli.main import main

BASH_ONLY = Path(__file__).parents[3] / "configs" / "harnesses" / "bash-only"


class Said(NamedTuple):
    """Hold how a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.out)["data"])


@pytest.fixture
def runs(finished_run: tuple[Path, str], tmp_path: Path) -> Path:
    """Give a folder of runs with the finished run in it, to write into."""
    return Path(shutil.copytree(finished_run[0], tmp_path / "runs"))


@pytest.fixture
def compare(runs: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give a function that runs `ratchet compare WORDS...` in these runs."""

    def run(*words: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["compare", "--runs-dir", str(runs), *map(str, words)])
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run
