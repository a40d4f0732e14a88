"""`ratchet simulate`: the simulated model, for any client of the Messages API on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optimizer.cli.options import AsJsonIfAsked
from traces.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.simulated import SimulatedModel
    from benchmarks.simulated.fault_script import FaultScript
    from task_agent.models.loopback import LoopbackServer

app = typer.Typer(name="simulate", help="Use the simulated model from other programs.", no_args_is_help=True)

ANY_KEY = "simulated"
"""The key that is printed where every key will do."""


@app.callback()
def root() -> None:
    """Group the commands about the simulated model."""


@app.command("serve", short_help="Serve the simulated model on loopback, with faults from a file.")
def serve(
    file: Annotated[
        Path | None, typer.Argument(metavar="RUN_FILE", help="Whose suite and settings it knows; else `pitfalls`.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to listen; 0 takes a free port.")] = 0,
    faults: Annotated[Path | None, typer.Option("--faults", help="A file of faults (YAML).")] = None,
    key: Annotated[str | None, typer.Option("--key", help="The only key that is let in; else every key is.")] = None,
    model: Annotated[list[str] | None, typer.Option("--model", help="A model that is served; else every one.")] = None,
    as_json: AsJsonIfAsked = False,
) -> None:
    """Serve the simulated model on 127.0.0.1 until Ctrl-C, for any client of the Messages API.

    Messages are answered whole or streamed, tokens counted, models listed. The simulated model knows the tasks of the
    suite and works them as in a run; it says nothing about any real model. A run that asks it is labelled SIMULATED.

    Example: ratchet simulate serve --port 8765

    Example: ratchet simulate serve configs/quickstart.yaml --faults faults.yaml
    """
    from benchmarks.simulated.fault_script import FaultFile, FaultScript, read_fault_file

    script = FaultScript(read_fault_file(faults) if faults else FaultFile())
    made, about = _model(file)
    server = _started(made, script, key, model or [], port)
    with server:
        _tell(server, {**about, "faults": str(faults) if faults else None}, key or ANY_KEY, as_json=as_json)
        _wait()
    _sum_up(server, script)


def _model(file: Path | None) -> tuple[SimulatedModel, dict[str, Any]]:  # Any: JSON
    from benchmarks.simulated import SimulatedModel
    from benchmarks.suite import load_suite
    from optimizer.clients import simulated_settings
    from optimizer.run_file import load_run_file

    if file is None:
        suite = load_suite({"kind": "pitfalls"}, Path.cwd())
        return SimulatedModel(suite), {"suite": suite.name, "tasks": len(suite.tasks)}
    config = load_run_file(file)
    with config.pointing():
        suite, settings = load_suite(config.suite, Path.cwd()), simulated_settings(config)
    return SimulatedModel(suite, settings), {"suite": suite.name, "tasks": len(suite.tasks)}


def _started(model: SimulatedModel, script: FaultScript, key: str | None, ids: list[str], port: int) -> LoopbackServer:
    from task_agent.models import mark
    from task_agent.models.loopback import LoopbackServer

    try:
        return LoopbackServer(model, script=script, key=key, models=ids, headers={mark.HEADER: "1"}, port=port)
    except OSError as error:
        raise UsageError(f"cannot listen on 127.0.0.1:{port}: {error.strerror}", hint="take `--port 0`") from None


def _tell(server: LoopbackServer, about: dict[str, Any], key: str, *, as_json: bool) -> None:  # Any: JSON
    """Say where it is and how a client is led there, at once: the reader may be a program that waits for it."""
    from optimizer.cli.output import say, write_json

    environment = {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": key}
    if as_json:
        write_json({"base_url": server.base_url, "env": environment, **about})
    else:
        say(f"the simulated model, with {about['tasks']:,} tasks of {about['suite']}, answers at {server.base_url}")
        for name, value in environment.items():
            say(f"export {name}={value}")
    sys.stdout.flush()


def _wait() -> None:
    """Wait for Ctrl-C or SIGTERM, which is how it is meant to end."""
    import signal
    import threading

    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    ended.wait()


def _sum_up(server: LoopbackServer, script: FaultScript) -> None:
    from optimizer.cli.output import tell

    met = ", ".join(f"{name} {count:,}" for name, count in sorted(script.met.items()))
    tell(f"{len(server.requests):,} requests; faults: {met or 'none'}")
