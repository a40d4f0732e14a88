"""`ratchet lessons`: what proposers learnt over the nights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.options import LIMIT, RUNS, AsRows, Limit, RunsDir

if TYPE_CHECKING:  # what a command needs is imported in it
    from optimizer.lessons import Lesson


class StatusName(StrEnum):
    """Name how far a lesson has come."""

    RULE = "rule"
    HYPOTHESIS = "hypothesis"
    FALLEN = "fallen"


Name = Annotated[str | None, typer.Argument(metavar="BOOK", help="A book's name; without one, books are listed.")]
Wanted = Annotated[StatusName | None, typer.Option("--status", help="Lessons of one status only.")]
COLUMNS = ["lesson", "status", "confirmed", "contradicted", "text"]

Json = dict[str, Any]  # Any: JSON


def lessons(
    book: Name = None,
    status: Wanted = None,
    as_json: AsRows = False,
    limit: Limit = LIMIT,
    runs_dir: RunsDir = RUNS,
) -> None:
    """List the books of lessons, or what one of them holds: rules first, then hypotheses, then what did not hold.

    Example: ratchet lessons night --status rule
    """
    from optimizer.cli.output import tell, write_rows

    rows = _books(runs_dir / "lessons") if book is None else _lessons(runs_dir, book, status)
    if not rows and not as_json:
        tell(f"no book of lessons in {runs_dir}" if book is None else f"the book {book!r} holds no such lesson")
        return
    columns = ["book", "lessons", "rules", "file"] if book is None else COLUMNS
    narrow = "--status NAME or --limit"
    write_rows(columns, rows, limit=limit, as_json=as_json, narrow=narrow, compact=tuple(columns))


def _books(folder: Path) -> list[Json]:
    from optimizer.lessons import Shelf, Status

    found = [(path, Shelf(path).read()) for path in sorted(folder.glob("*.yaml"))]
    return [
        {"book": path.stem, "lessons": len(book.lessons), "rules": len(book.of(Status.RULE)), "file": str(path)}
        for path, book in found
    ]


def _lessons(runs: Path, name: str, status: StatusName | None) -> list[Json]:
    from optimizer.lessons import Shelf, Status
    from traces.errors import NotFoundError

    shelf = Shelf.of(runs, name)
    if not shelf.path.is_file():
        known = [path.stem for path in sorted(shelf.path.parent.glob("*.yaml"))]
        raise NotFoundError("book of lessons", name, close_matches=known[:3], hint="ratchet lessons")
    kinds = [Status(status.value)] if status else [Status.RULE, Status.HYPOTHESIS, Status.FALLEN]
    book = shelf.read()
    return [_row(lesson) for kind in kinds for lesson in book.of(kind)]


def _row(lesson: Lesson) -> Json:
    return {
        "lesson": lesson.id,
        "status": lesson.status.value,
        "confirmed": lesson.confirmed,
        "contradicted": lesson.contradicted,
        "text": lesson.text,
        "evidence": list(lesson.evidence),
        "born": lesson.born,
        "last": lesson.last,
    }
