"""The mark by which a server of the simulated model is told from a provider, whatever names its models have."""

from __future__ import annotations

import http.client
import os
from urllib.parse import urlsplit

HEADER = "x-simulated-model"
"""A header of every answer of such a server."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_WAIT_S = 2.0


def is_simulated(base_url: str | None) -> bool:
    """Ask the server at an address whether the simulated model answers there; only one on this machine's loopback is.

    None is what `ANTHROPIC_BASE_URL` says. A server that does not answer is taken for a provider.
    """
    address = urlsplit(base_url or os.environ.get("ANTHROPIC_BASE_URL") or "")
    try:
        if address.scheme != "http" or address.hostname not in _HERE:
            return False
        line = http.client.HTTPConnection(address.hostname, address.port, timeout=_WAIT_S)
    except ValueError:  # no such port
        return False
    try:
        line.request("GET", f"{address.path.rstrip('/')}/v1/models")
        return line.getresponse().getheader(HEADER) is not None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()
