"""A simulated model with known slips, so that every harness has a true score that can be computed."""

from __future__ import annotations

from benchmarks.simulated.model import SimulatedModel
from benchmarks.simulated.settings import ProposalMix, RefereeRates, ReflectorRates, SimulatedSettings

__all__ = ["ProposalMix", "RefereeRates", "ReflectorRates", "SimulatedModel", "SimulatedSettings"]
