"""Books of lessons on disk, `runs/lessons/<name>.yaml`: plain text to read, edit, diff and carry away."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimizer.lessons.book import MAX_TEXT_CHARS, Book, Lesson
from traces.errors import UsageError
from traces.storage import stored

FOLDER: Final = "lessons"
SCHEMA_VERSION: Final = 1


class _Entry(BaseModel):
    """One lesson as it stands in the file; `status` is said for the reader and derived again when read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^l-[0-9a-z]{1,12}$")
    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    status: str = ""
    confirmed: int = Field(ge=0, default=0)
    contradicted: int = Field(ge=0, default=0)
    evidence: tuple[str, ...] = ()
    born: str = ""
    last: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int
    nights: tuple[str, ...] = ()
    lessons: tuple[_Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Shelf:
    """Keep one book for many nights.

    Args:
        path: Its file; absent is an empty book.
    """

    path: Path

    @classmethod
    def of(cls, runs: Path, name: str) -> Shelf:
        """Name the book called `name` beside the runs in `runs`."""
        return cls(runs / FOLDER / f"{name}.yaml")

    def read(self) -> Book:
        """Read the book.

        Raises:
            UsageError: The file holds something else.
        """
        return read_book(self.path)

    def add(self, night: str, learn: Callable[[Book], Book]) -> Book:
        """Let the book learn from a night, once; other nights may have written to it meanwhile."""
        with _locked(self.path):
            file = _load(self.path)
            book = _book(file)
            if night in file.nights:
                return book
            learnt = learn(book).bounded()
            _save(self.path, learnt, (*file.nights, night))
        return learnt


def read_book(path: Path) -> Book:
    """Read a book's file; one that is absent is empty.

    Raises:
        UsageError: It holds something else.
    """
    return _book(_load(path))


def write_book(path: Path, book: Book) -> None:
    """Write a book to a file of its own, such as a run's copy of what it began with."""
    _save(path, book, ())


def _load(path: Path) -> _File:
    if not path.exists():
        return _File(schema_version=SCHEMA_VERSION)
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(
            f"{path} is no book of lessons: {where}: {first['msg']}", hint="mend it or move it away"
        ) from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} is no book of lessons: {said}", hint="mend it or move it away") from None
    if file.schema_version != SCHEMA_VERSION:
        raise UsageError(f"{path} has schema_version {file.schema_version}, and only {SCHEMA_VERSION} is read here")
    return file


def _book(file: _File) -> Book:
    return Book(tuple(Lesson(**entry.model_dump(exclude={"status"})) for entry in file.lessons))


def _save(path: Path, book: Book, nights: tuple[str, ...]) -> None:
    entries = [_entry(lesson) for lesson in book.lessons]
    data: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "nights": list(nights), "lessons": entries}  # Any: YAML
    text = "# What proposers learnt; written by Ratchet, and yours to edit between nights.\n"
    text += yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    with stored(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


def _entry(lesson: Lesson) -> dict[str, Any]:  # Any: YAML
    return {
        "id": lesson.id,
        "text": lesson.text,
        "status": lesson.status.value,
        "confirmed": lesson.confirmed,
        "contradicted": lesson.contradicted,
        "evidence": list(lesson.evidence),
        "born": lesson.born,
        "last": lesson.last,
    }


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
