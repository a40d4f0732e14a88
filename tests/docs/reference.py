"""The reference of the command line in docs/cli.md, written from the live command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import typer

from optimizer.cli.command import SHARED, told
from optimizer.cli.exit_codes import ENDINGS
from optimizer.cli.main import app

OF_ALL_RUNS = ("--json", "--runs-dir")
"""Told once for all commands."""
PLACEHOLDERS = {"str": "TEXT", "path": "PATH", "int": "N", "int range": "N", "float": "X", "float range": "X"}


class Entry(NamedTuple):
    """Hold one command: how it is called, and the parser's object for it."""

    path: str
    command: Any  # typer carries its own parser classes


def entries() -> list[Entry]:
    """List every command in the order of `ratchet --help`."""

    def walk(node: Any, path: tuple[str, ...]) -> Iterator[Entry]:
        for name, child in node.commands.items():
            if hasattr(child, "commands"):
                yield from walk(child, (*path, name))
            elif not child.hidden:
                yield Entry(" ".join((*path, name)), child)

    return list(walk(typer.main.get_command(app), ()))


def commands() -> str:
    """Write a section for each command."""
    return "\n\n".join(_section(entry) for entry in entries())


def _section(entry: Entry) -> str:
    said = told(entry.command.help)
    console = ["```console", *(f"$ {example}" for example in said.examples), "```"]
    usage = " ".join(["ratchet", entry.path, *_arguments(entry.command)])
    in_a_pipe = "In a pipe: JSON." if entry.command.automatic else "In a pipe: text, or JSON with `--json`."
    parts = [f"### {usage}", "\n".join(console), *said.words, _table(entry.command), in_a_pipe]
    return "\n\n".join(part for part in parts if part)


def _arguments(command: Any) -> list[str]:
    named = (param for param in command.params if param.param_type_name == "argument")
    words = [(_word(param), param.required) for param in named]
    return [word if required or "[" in word else f"[{word}]" for word, required in words]


def _word(param: Any) -> str:
    word = str(param.metavar or param.name.upper())
    return word[1:-1] if word.startswith("[") and word.endswith("]") else word


def _table(command: Any) -> str:
    with typer.Context(command) as context:
        own = [param for param in command.params if param not in SHARED and not getattr(param, "hidden", False)]
        shown = [param for param in own if not set(param.opts) & set(OF_ALL_RUNS)]
        rows = [f"| {_name(param, context)} | {_meaning(param)} |" for param in shown]
    return "\n".join(["| argument or option | meaning |", "| --- | --- |", *rows]) if rows else ""


def _name(param: Any, context: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{_word(param)}`"
    shape = "" if param.is_flag else f" {_shape(param, context)}"
    return ", ".join(f"`{option}{shape}`" for option in (*param.opts, *param.secondary_opts))


def _shape(param: Any, context: Any) -> str:
    shown = param.metavar or param.display_type(context).strip("<>")
    return PLACEHOLDERS.get(shown, shown).replace("|", "\\|")


def _meaning(param: Any) -> str:
    extra = []
    default = getattr(param.default, "value", param.default)
    if default not in (None, False, ()) and not callable(default):
        extra.append(f"default `{default}`")
    if param.envvar:
        extra.append(f"environment `{param.envvar}`")
    text = " ".join((param.help or "").split()).replace("|", "\\|")
    return f"{text} ({', '.join(extra)})" if extra else text


def shared_options() -> str:
    """Write the table of the options that every command takes."""
    with typer.Context(typer.main.get_command(app)) as context:
        rows = [f"| {_name(param, context)} | {_meaning(param)} |" for param in SHARED]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def exit_codes() -> str:
    """Write the table of exit codes."""
    rows = [f"| {ending.code.value} | {ending.name} | {ending.meaning} | {ending.next} |" for ending in ENDINGS]
    return "\n".join(["| code | name | meaning | next |", "| --- | --- | --- | --- |", *rows])


PARTS = {"commands": commands, "shared options": shared_options, "exit codes": exit_codes}


def page_text(page: str) -> str:
    """Replace what stands between `<!-- PART -->` and `<!-- end of PART -->`."""
    for name, write in PARTS.items():
        block = f"<!-- {name} -->\n{write()}\n<!-- end of {name} -->"
        page, found = re.subn(
            rf"<!-- {name} -->.*?<!-- end of {name} -->", lambda _, block=block: block, page, flags=re.DOTALL
        )
        assert found == 1, name
    return page
