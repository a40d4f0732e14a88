"""The shell of every page: its style and script inside it, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from optimizer.report.html.element import Child, Verbatim, h, render
from optimizer.report.html.theme import variables


def document(title: str, *body: Child, mark: str) -> str:
    """Write a whole page.

    Args:
        title: Its name in a browser's tab.
        body: What it shows.
        mark: Tells such a page from other files, and the moment it shows from others.
    """
    meta = [
        h("meta", charset="utf-8"),
        h("meta", name="ratchet-mark", content=mark),
        h("meta", http_equiv="Content-Security-Policy", content=_policy()),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("link", rel="icon", href="data:,"),
    ]
    head = h("head", meta, h("title", title), h("style", Verbatim(_style())))
    whole = h("html", head, h("body", body, h("script", Verbatim(_script()))), lang="en")
    return f"<!DOCTYPE html>\n{render(whole)}\n"


def _policy() -> str:
    """Allow this page's own style and script by their hashes, and nothing else at all."""
    style, script = (_hash(text) for text in (_style(), _script()))
    rest = "img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; style-src {style}; script-src {script}; {rest}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _style() -> str:
    return variables() + _beside("page.css")


@cache
def _script() -> str:
    return _beside("page.js")


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
