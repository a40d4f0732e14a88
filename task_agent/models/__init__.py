"""Language models behind one Protocol: the real SDK's client, prices, credentials, scripted ones.

`AnthropicClient` is in `task_agent.models.anthropic_client`, and not here, because importing the SDK
takes seconds.
"""

from task_agent.models._rates import Price, Rates
from task_agent.models.base import (
    Block,
    Message,
    ModelClient,
    ModelReply,
    ModelRequest,
    ToolSchema,
    WireModel,
    WireReply,
    WireRequest,
)
from task_agent.models.credentials import SIMULATED, Credentials, key_for, require_credentials
from task_agent.models.fallback import Fallback, FallbackClient
from task_agent.models.incident import Incident, IncidentKind
from task_agent.models.prices import PriceTable
from task_agent.models.scripted import ScriptedModel, ScriptedWire

__all__ = [
    "SIMULATED",
    "Block",
    "Credentials",
    "Fallback",
    "FallbackClient",
    "Incident",
    "IncidentKind",
    "Message",
    "ModelClient",
    "ModelReply",
    "ModelRequest",
    "Price",
    "PriceTable",
    "Rates",
    "ScriptedModel",
    "ScriptedWire",
    "ToolSchema",
    "WireModel",
    "WireReply",
    "WireRequest",
    "key_for",
    "require_credentials",
]
