"""The meta-agent: a workspace that holds train alone, tools, one session, one change with a prediction."""

from optimizer.propose._editing import Proposal
from optimizer.propose._evidence import write_evidence
from optimizer.propose.author import Assignment, Author, ProposalOutcome, SessionLimits
from optimizer.propose.clusters import Cluster, Failure, clusters, failures
from optimizer.propose.digests import Digest
from optimizer.propose.jail import Jail, choose_jail
from optimizer.propose.journal import Journal
from optimizer.propose.objection import Objection
from optimizer.propose.overview import overview
from optimizer.propose.pivot import Closed, Pivot
from optimizer.propose.prediction import Foresight, Prediction, PredictionScore, score_prediction
from optimizer.propose.program import Program
from optimizer.propose.schemas import PROPOSER_TOOLS
from optimizer.propose.session import ModelAuthor, propose
from optimizer.propose.tools import SubmitTool
from optimizer.propose.track_record import Foretold, TrackRecord, track_records
from optimizer.propose.trying import Trying, TryTool
from optimizer.propose.views import AttemptView, CandidateView, TaskBrief, TrainScore, View, WallError
from optimizer.propose.workspace import Workspace

__all__ = [
    "PROPOSER_TOOLS",
    "Assignment",
    "AttemptView",
    "Author",
    "CandidateView",
    "Closed",
    "Cluster",
    "Digest",
    "Failure",
    "Foresight",
    "Foretold",
    "Jail",
    "Journal",
    "ModelAuthor",
    "Objection",
    "Pivot",
    "Prediction",
    "PredictionScore",
    "Program",
    "Proposal",
    "ProposalOutcome",
    "SessionLimits",
    "SubmitTool",
    "TaskBrief",
    "TrackRecord",
    "TrainScore",
    "TryTool",
    "Trying",
    "View",
    "WallError",
    "Workspace",
    "choose_jail",
    "clusters",
    "failures",
    "overview",
    "propose",
    "score_prediction",
    "track_records",
    "write_evidence",
]
