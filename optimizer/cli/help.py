"""`ratchet help`: short texts on what no single command explains, and every command's own help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from optimizer.cli.options import AsJsonIfAsked

TOPICS = Path(__file__).with_name("topics")


def complete_topic(incomplete: str) -> list[str]:
    """Offer the topics."""
    return [name for name in topics() if name.startswith(incomplete)]


def help_(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC]", help="A topic, or a command.", autocompletion=complete_topic),
    ] = None,
    as_json: AsJsonIfAsked = False,
) -> None:
    """Explain a topic or a command; alone, list the topics.

    Example: ratchet help exit-codes
    """
    from optimizer.cli.output import say, write_json

    words = topic or []
    name = " ".join(words)
    text = _overview() if not words else _text(name) or _of_command(context, words)
    if as_json:
        write_json({"topic": name, "text": text})
    else:
        say(text)


def topics() -> dict[str, str]:
    """Give each topic's first line by its name."""
    files = sorted(TOPICS.glob("*.txt"))
    return {file.stem: file.read_text(encoding="utf-8").partition("\n")[0] for file in files}


def _overview() -> str:
    known = topics()
    width = max(map(len, known))
    lines = [f"  ratchet help {name:<{width}}  {first}" for name, first in known.items()]
    return "\n".join([*lines, "", "and `ratchet help COMMAND`, such as: ratchet help candidates diff"])


def _text(name: str) -> str:
    if name not in topics():
        return ""
    text = (TOPICS / f"{name}.txt").read_text(encoding="utf-8").rstrip()
    filled = {"exit-codes": _exit_codes, "options": _options}
    return f"{text}\n\n{filled[name]()}" if name in filled else text


def _exit_codes() -> str:
    from optimizer.cli.exit_codes import ENDINGS
    from optimizer.cli.output import wrap

    lines = []
    for ending in ENDINGS:
        sentence = wrap(f"{ending.meaning}. Next: {ending.next}.", " " * 6).lstrip()
        lines.append(f"{ending.code.value:>4}  {sentence}")
    return "\n".join(lines)


def _options() -> str:
    from optimizer.cli.command import SHARED

    width = max(len(param.opts[0]) for param in SHARED)
    return "\n".join(f"  {param.opts[0]:<{width}}  {param.help}" for param in SHARED)


def _of_command(context: Any, words: list[str]) -> str:  # Any: typer keeps its classes to itself
    """Give the help of the command that the words name.

    Raises:
        NotFoundError: They name neither a topic nor a command.
    """
    from difflib import get_close_matches

    from traces.errors import NotFoundError

    root = context.find_root()
    command, within = root.command, root
    for word in words:
        known = getattr(command, "commands", {})
        if word not in known:
            near = get_close_matches(word, [*known, *topics()], n=3)
            raise NotFoundError("topic or command", " ".join(words), close_matches=near, hint="ratchet help")
        command = known[word]
        within = type(context)(command, info_name=word, parent=within)
    return str(command.get_help(within))
