"""One file under two names: what never changes once it stands need not be copied."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from traces._live import temporary


def share(source: Path, target: Path) -> None:
    """Let `target` be the file `source` as well, or a copy where the disk does not allow that; all or nothing.

    Only for files that nobody writes to any more: who could write to one name would change the other.
    """
    if target.exists() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = own_temporary(target)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
    part.replace(target)


def own_temporary(path: Path) -> Path:
    """Name a temporary sibling of `path` that nobody else names, whoever makes the same file at the same time."""
    return temporary(path.with_name(f"{path.name}.{secrets.token_hex(4)}"))
