"""What every command shares: its options, and help that begins with examples."""

from __future__ import annotations

import inspect
import os
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from optimizer.cli.exit_codes import ExitCode
from optimizer.cli.manner import NOW, Format
from optimizer.cli.options import structured_data, structured_rows
from optimizer.cli.output import complain

ALSO = "Every command also takes --json, --format, --compact, --quiet, --no-color, --no-input and --yes:"
EXAMPLE = "Example: "
HELP_NAMES = {"help_option_names": ["-h", "--help"]}


def _wants(wanted: Format | None) -> None:
    if wanted:
        NOW.want(wanted)


def _wants_json(wanted: bool) -> None:
    if wanted:
        NOW.want(Format.JSON)


def _compact(wanted: bool) -> None:
    NOW.compact |= wanted


def _quiet(wanted: bool) -> None:
    NOW.quiet |= wanted


def _no_colour(wanted: bool) -> None:
    if wanted:
        NOW.no_colour = True
        os.environ["NO_COLOR"] = "1"  # what draws by itself, and a child, read it there


def _no_input(wanted: bool) -> None:
    NOW.no_input |= wanted


def _yes(wanted: bool) -> None:
    NOW.yes |= wanted


def _flag(name: str, take: Any, words: str) -> Any:  # Any: typer.Option gives none other
    """Declare an option that is read before a command's own, and that no command gets as an argument."""
    return typer.Option(name, callback=take, help=words, is_eager=True, expose_value=False)


def everywhere(
    json: Annotated[bool, _flag("--json", _wants_json, "Answer with JSON, as --format json does.")] = False,
    format: Annotated[Format | None, _flag("--format", _wants, "table, json, or for lists jsonl and csv.")] = None,
    compact: Annotated[bool, _flag("--compact", _compact, "Short: id, state, score, cost, time.")] = False,
    quiet: Annotated[bool, _flag("--quiet", _quiet, "Say nothing but the result and errors.")] = False,
    no_color: Annotated[bool, _flag("--no-color", _no_colour, "No colours, as with NO_COLOR set.")] = False,
    no_input: Annotated[bool, _flag("--no-input", _no_input, "Never ask; what would ask fails.")] = False,
    yes: Annotated[bool, _flag("--yes", _yes, "Answer yes to what would be asked.")] = False,
) -> None:
    """Declare the options that every command takes, before it or after it."""


def _declared() -> list[Any]:  # Any: typer keeps its parameter classes to itself
    declaring = typer.Typer(add_completion=False)
    declaring.command()(everywhere)
    return list(typer.main.get_command(declaring).params)


SHARED = _declared()


def _missing(params: list[Any]) -> list[Any]:  # Any: see above
    taken = {name for param in params for name in param.opts}
    return [param for param in SHARED if not taken & set(param.opts)]


class Told(NamedTuple):
    """Hold a command's help: its examples and what it says, paragraph by paragraph."""

    examples: list[str]
    words: list[str]


def told(help_text: str | None) -> Told:
    """Take a docstring apart; every `Example: ` in it begins a command line."""
    parts = [" ".join(part.split()) for part in inspect.cleandoc(help_text or "").split("\n\n")]
    examples = [line.strip() for part in parts if part.startswith(EXAMPLE) for line in part.split(EXAMPLE) if line]
    return Told(examples, [part for part in parts if not part.startswith(EXAMPLE)])


def _write_help(command: Any, context: Any, formatter: Any) -> None:  # Any: see above
    """Write usage, examples, what it does, then its own options; the shared ones take one line."""
    command.format_usage(context, formatter)
    said = told(command.help)
    for part in [*(f"{EXAMPLE}{line}" for line in said.examples), *said.words]:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(part)
    command.format_options(context, formatter)
    formatter.write_paragraph()
    formatter.write_text(f"{ALSO} ratchet help options")


def _write_options(command: Any, context: Any, formatter: Any) -> None:  # Any: see above
    own = [param for param in command.get_params(context) if param not in SHARED]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        records = [param.get_help_record(context) for param in own if param.param_type_name == kind]
        if any(records):
            with formatter.section(title):
                formatter.write_dl([record for record in records if record])


class Command(TyperCommand):
    """Be one command, with the shared options behind its own."""

    def __init__(self, name: str | None, **settings: Any) -> None:  # Any: typer's own
        super().__init__(name, **settings)
        self.params += _missing(self.params)

    def invoke(self, ctx: Any) -> Any:  # Any: see above
        """Run it; an interrupt that it did not answer itself gets a word, and its exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain("interrupted; what was not begun is not there, and a run that was can be resumed")
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    @property
    def automatic(self) -> bool:
        """Say whether it answers with JSON by itself when stdout is no terminal."""
        settled = {inspect.unwrap(param.callback) for param in self.params if param.callback}
        return bool(settled & {structured_rows, structured_data})

    def format_help(self, ctx: Any, formatter: Any) -> None:  # Any: see above
        """Write help: examples first."""
        _write_help(self, ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Any: see above
        """Write the command's own options."""
        _write_options(self, ctx, formatter)


class Group(TyperGroup):
    """Be a noun with its verbs, or the whole app; the shared options may stand before the verb."""

    def __init__(self, **settings: Any) -> None:  # Any: typer's own
        super().__init__(**settings)
        self.params += _missing(self.params)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # Any: see above
        """Write help: examples first."""
        _write_help(self, ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:  # Any: see above
        """Write the group's own options, then its commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def adopt(app: typer.Typer) -> typer.Typer:
    """Give every command and group of the app the shared options and this help."""
    app.info.cls = Group
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        group.cls = Group
        if group.typer_instance is not None:
            adopt(group.typer_instance)
    return app
