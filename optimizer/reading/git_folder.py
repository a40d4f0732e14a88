"""Writes a bare git repository file by file, without git: what is written depends on nothing but the arguments."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SKELETON: Mapping[str, str] = {
    "HEAD": "ref: refs/heads/main\n",
    "config": "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n[gc]\n\tauto = 0\n",
}
_FILE, _PROGRAM, _FOLDER = "100644", "100755", "40000"


@dataclass(frozen=True, slots=True)
class Signature:
    """Say who wrote a commit and when, in Unix seconds."""

    name: str
    email: str
    at: float

    def __str__(self) -> str:
        return f"{self.name} <{self.email}> {int(self.at)} +0000"


class GitFolder:
    """Write objects and refs into a bare repository; the same content is the same id, for ever.

    No git command runs, so no hook, no setting and no signing key of a user has a say, and a Ctrl-C in
    the terminal ends nothing half done. Every file is written aside and moved, a ref after what it names.
    An object that is there but damaged is written anew, once in the life of this value.
    Only one process may write at a time.
    """

    def __init__(self, root: Path, about: str) -> None:
        self._root = root
        self._files = {**SKELETON, "description": f"{about}\n"}
        self._sound: set[str] = set()
        self._opened = False

    def open(self) -> bool:
        """Make the repository or mend its frame, and say so; after such a loss no object is trusted."""
        if not self._opened:
            self._opened = True
            for draft in self._root.glob("draft-*"):  # of a writer that was killed
                draft.unlink()
        if all(_text(self._root / name) == text for name, text in self._files.items()):
            return False
        self._sound.clear()
        for name in ("objects", "refs/heads", "refs/tags"):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for name, text in self._files.items():
            self._put(self._root / name, text.encode())
        return True

    def tree(self, files: Mapping[str, bytes]) -> str:
        """Write a folder of files (relative POSIX path -> bytes); a file that begins with `#!` is a program."""
        folders: dict[str, dict[str, bytes]] = {}
        entries: list[tuple[str, str, str]] = []
        for path, content in files.items():
            top, inside, rest = path.partition("/")
            if inside:
                folders.setdefault(top, {})[rest] = content
            else:
                mode = _PROGRAM if content.startswith(b"#!") else _FILE
                entries.append((top, mode, self._object("blob", content)))
        entries += [(name, _FOLDER, self.tree(inner)) for name, inner in folders.items()]
        # Git sorts a folder as if its name ended with a slash.
        entries.sort(key=lambda entry: entry[0] + "/" * (entry[1] == _FOLDER))
        body = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(oid) for name, mode, oid in entries)
        return self._object("tree", body)

    def commit(
        self, tree: str, parents: Sequence[str], message: str, *, author: Signature, committer: Signature
    ) -> str:
        """Write a commit; `message` must hold no NUL."""
        head = [f"tree {tree}", *(f"parent {oid}" for oid in parents), f"author {author}", f"committer {committer}"]
        return self._object("commit", "\n".join([*head, "", message]).encode())

    def tag(self, name: str, commit: str, message: str, *, tagger: Signature) -> str:
        """Write an annotated tag of a commit."""
        head = [f"object {commit}", "type commit", f"tag {name}", f"tagger {tagger}"]
        return self._object("tag", "\n".join([*head, "", message]).encode())

    def point(self, ref: str, oid: str) -> None:
        """Let a ref such as `refs/heads/main` name an object."""
        path = self._root / ref
        if _text(path) != f"{oid}\n":
            path.parent.mkdir(parents=True, exist_ok=True)
            self._put(path, f"{oid}\n".encode())

    def _object(self, kind: str, body: bytes) -> str:
        data = f"{kind} {len(body)}\0".encode() + body
        oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()  # git's own naming, no protection
        if oid not in self._sound:
            path = self._root / "objects" / oid[:2] / oid[2:]
            if not _holds(path, data):
                path.parent.mkdir(exist_ok=True)
                self._put(path, zlib.compress(data))
            self._sound.add(oid)
        return oid

    def _put(self, path: Path, content: bytes) -> None:
        draft = self._root / f"draft-{os.getpid()}"
        draft.write_bytes(content)
        draft.replace(path)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return zlib.decompress(path.read_bytes()) == data
    except (FileNotFoundError, zlib.error):
        return False


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
