"""Small readers on top of expat; documents that declare their own entities are refused."""

from __future__ import annotations

import pyexpat
from collections.abc import Sequence

from .archive import WorkbookError

MAX_DEPTH = 256
"""Elements inside elements; workbooks have a dozen, and each open one costs the parser memory."""

MAX_LISTED = 200_000
"""Sheets, relations, or formats; programs stop at 64,000 formats."""


def make_parser() -> pyexpat.XMLParserType:
    """Make a parser whose names are `namespace}local`."""
    parser = pyexpat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    return parser


def _refuse(*_: object) -> None:
    raise WorkbookError("it declares a document type, which workbooks do not")


def refuse_depth() -> None:
    """Refuse a document that goes deeper than `MAX_DEPTH`."""
    raise WorkbookError(f"it holds XML with more than {MAX_DEPTH} elements inside each other")


def parse(parser: pyexpat.XMLParserType, content: bytes) -> None:
    """Run a parser over a whole document."""
    try:
        parser.Parse(content, True)
    except pyexpat.ExpatError as problem:
        raise WorkbookError(f"it holds broken XML: {problem}") from None
    except (ValueError, LookupError) as problem:
        raise WorkbookError(f"it holds XML in a wrong encoding: {problem}") from None


def local(name: str) -> str:
    """Give a name without its namespace."""
    return name[name.rfind("}") + 1 :]


def attributes_of(
    content: bytes, tags: Sequence[str], *, inside: Sequence[str] = ()
) -> list[tuple[str, dict[str, str]]]:
    """List the elements called one of `tags` with their attributes, in document order.

    With `inside`, only those whose parent is called one of these.
    """
    found: list[tuple[str, dict[str, str]]] = []
    open_tags: list[str] = [""]

    def start(name: str, attributes: dict[str, str]) -> None:
        tag = local(name)
        if tag in tags and (not inside or open_tags[-1] in inside):
            found.append((tag, {local(key): value for key, value in attributes.items()}))
            if len(found) > MAX_LISTED:
                raise WorkbookError(f"it holds more than {MAX_LISTED} elements {tag!r}")
        open_tags.append(tag)
        if len(open_tags) > MAX_DEPTH:
            refuse_depth()

    def end(_: str) -> None:
        open_tags.pop()

    parser = make_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parse(parser, content)
    return found
