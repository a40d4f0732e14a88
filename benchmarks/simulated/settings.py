"""What a run file may set about the simulated model."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ProposalMix(_Section):
    """Say how often the simulated proposer makes each kind of proposal; the shares add up to 1."""

    good: Share = 0.4
    """A remedy for the commonest cause it found in the traces."""
    useless: Share = 0.25
    """A rewording that changes nothing the model heeds."""
    harmful: Share = 0.15
    """Guidance that causes slips, a remedy taken away, or a flood of words."""
    overfit: Share = 0.2
    """What it read in train traces, copied into the prompt."""

    @model_validator(mode="after")
    def _adds_up(self) -> ProposalMix:
        total = self.good + self.useless + self.harmful + self.overfit
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"the shares add up to {total:g}, not 1")
        return self


class ReflectorRates(_Section):
    """Set how often the simulated reflector is right, alone or as judge of a panel."""

    detection: Share = 0.9
    """Chance that it blocks a change that is overfitted."""
    false_alarm: Share = 0.05
    """Chance that it blocks a change that is not."""


class RefereeRates(_Section):
    """Set how often the simulated referee is right, whatever judge and advocate said."""

    detection: Share = 0.95
    """Chance that it blocks a change that is overfitted."""
    false_alarm: Share = 0.02
    """Chance that it blocks a change that is not."""


class ReviewerRates(_Section):
    """Set how often the simulated reviewer is right about a proposal's contract."""

    detection: Share = 0.9
    """Chance that it pushes back on more than one mechanism, or on a claim that nothing could refute."""
    false_alarm: Share = 0.05
    """Chance that it pushes back on a sound contract."""


class ContractSlips(_Section):
    """Set how often the simulated proposer writes a poor contract, before a reviewer pushes back."""

    vague: Share = 0.2
    """Chance that what it says would refute its claim names nothing one could see."""
    mixed: Share = 0.0
    """Chance that it puts a second mechanism into its change."""


class SimulatedSettings(_Section):
    """Configure the simulated model."""

    mix: ProposalMix = ProposalMix()
    """Kinds of proposals."""
    reflector: ReflectorRates = ReflectorRates()
    """Error rates of the reflector."""
    referee: RefereeRates = RefereeRates()
    """Error rates of the referee, who decides where `reflection.by` is `panel`."""
    reviewer: ReviewerRates = ReviewerRates()
    """Error rates of the reviewer, who is asked where `proposer.review` says so."""
    contract: ContractSlips = ContractSlips()
    """Faults of proposals that a reviewer can see."""
    structures: StrictBool = False
    """Whether the proposer may also propose planning, drafts, helpers, a snapshot and a forced last look."""
    slip_scale: Annotated[float, Field(ge=0.0, le=3.0, allow_inf_nan=False)] = 1.0
    """Factor on every slip's base probability: 0 makes a perfect agent, 2 a careless one."""
