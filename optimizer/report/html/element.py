"""HTML as values; every text and attribute is escaped here, at the one place where a page becomes a string."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from traces.render import escape

VOID: Final = frozenset({"meta", "link", "br", "line", "circle", "rect", "path", "input"})


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Hold text of our own that must not be escaped: the page's style sheet and script, nothing else."""

    text: str


@dataclass(frozen=True, slots=True)
class Element:
    """Hold one element; its tag and the names of its attributes are ours, all else may be anybody's."""

    tag: str
    attributes: dict[str, str]
    children: tuple[Child, ...]


Child: TypeAlias = "Element | Verbatim | str | Sequence[Child] | None"


def h(tag: str, *children: Child, **attributes: str | float | bool | None) -> Element:
    """Make an element: `h("td", "3/4", class_="won")`.

    An underscore in a name reads as a hyphen, one at its end is dropped; False and None leave the attribute out.
    """
    said = {
        name.rstrip("_").replace("_", "-"): "" if value is True else str(value)
        for name, value in attributes.items()
        if value is not None and value is not False
    }
    return Element(tag, said, children)


def render(child: Child) -> str:
    """Write a tree as HTML."""
    out: list[str] = []
    _write(out, child)
    return "".join(out)


def visible(text: str) -> str:
    """Make text harmless inside an element or a quoted attribute, its control characters shown by their numbers."""
    return html.escape(escape(text), quote=True)


def _write(out: list[str], child: Child) -> None:
    match child:
        case None:
            return
        case str():
            out.append(visible(child))
        case Element():
            _write_element(out, child)
        case Verbatim():
            out.append(child.text)
        case _:
            for each in child:
                _write(out, each)


def _write_element(out: list[str], element: Element) -> None:
    out.append(f"<{element.tag}")
    out.extend(f' {name}="{visible(value)}"' if value else f" {name}" for name, value in element.attributes.items())
    if element.tag in VOID:
        out.append("/>")
        return
    out.append(">")
    for child in element.children:
        _write(out, child)
    out.append(f"</{element.tag}>")
