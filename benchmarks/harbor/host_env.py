"""Variables of a task that take their value from the machine: `${NAME}` and `${NAME:-default}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_TAKEN = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")


def unfilled(env: Mapping[str, str], host: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give each variable whose value cannot be filled in, with the name it asks for."""
    for key, value in env.items():
        for name, default in ((found[1], found[2]) for found in _TAKEN.finditer(value)):
            if name not in host and default is None:
                yield key, name


def filled(env: Mapping[str, str], host: Mapping[str, str]) -> dict[str, str]:
    """Fill in what may be taken from `host`, and else the defaults.

    Raises:
        KeyError: One has neither.
    """

    def value(found: re.Match[str]) -> str:
        default = found[2]
        return host[found[1]] if default is None else host.get(found[1]) or default

    return {key: _TAKEN.sub(value, text) for key, text in env.items()}
