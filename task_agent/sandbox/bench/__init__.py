"""Attempts of a sandbox beside the shortest hand-written loop that does the same."""

from __future__ import annotations

from task_agent.sandbox.bench.measure import TARGETS, Measured, measure

__all__ = ["TARGETS", "Measured", "measure"]
