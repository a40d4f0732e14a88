"""pandas is for people who get tables: nothing loads it before they do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_pandas_stands_in_one_place_and_is_loaded_there_alone() -> None:
    packages = ("optimizer", "benchmarks", "task_agent", "traces")
    sources = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    using = [path for path in sources if re.search(r"^\s*(import|from) pandas", path.read_text(), re.MULTILINE)]
    assert [str(path.relative_to(ROOT)) for path in using] == ["optimizer/compare/record.py"]
    program = "import sys, optimizer.cli.compare_view, optimizer.compare.page; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0
