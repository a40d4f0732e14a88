"""`ratchet bench`: hold gate and reflection against what is known to be true, and sandboxes against bare loops."""

from __future__ import annotations

import typer

from optimizer.cli.bench import gate, proposer, reflect, sandbox

app = typer.Typer(name="bench", help="Measure the gate, reflection, proposers and sandboxes.", no_args_is_help=True)
app.command("reflect", short_help="Count what reflection blocks of changes whose truth is known.")(reflect.reflect)
app.command("proposer", short_help="Play nights whose proposer sees more or less, side by side.")(proposer.proposer)
app.command("sandbox", short_help="Run attempts beside a bare loop that does the same.")(sandbox.sandbox)
app.command("gate", short_help="Play simulated nights through the gate, or through another tool's rule.")(gate.gate)


@app.callback()
def root() -> None:
    """Group the benches."""
