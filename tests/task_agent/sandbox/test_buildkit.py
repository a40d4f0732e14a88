"""Syntax that only BuildKit understands is found with its line; what the engine's own builder takes is let through."""

from __future__ import annotations

import pytest

from task_agent.sandbox.buildkit import needs_buildkit


@pytest.mark.parametrize(
    ("dockerfile", "line", "named"),
    [
        ("FROM a\nRUN <<EOF\ntrue\nEOF\n", 2, "`RUN <<EOF`"),
        ("FROM a\n\nRUN python3 <<-'END'\nEND\n", 3, "`RUN <<-'END'`"),
        ("FROM a\nCOPY <<EOF /x\nhi\nEOF\n", 2, "`COPY <<EOF`"),
        ("FROM a\nCOPY --chmod=755 x /x\n", 2, "`COPY --chmod`"),
        ("FROM a\ncopy --from=b --link x /x\n", 2, "`copy --link`"),
        ("FROM a\nRUN --mount=type=cache,target=/c \\\n  true\n", 2, "`RUN --mount`"),
        ("# RUN <<EOF\nFROM a\nRUN true && \\\n  true\nRUN --network=none true\n", 5, "`RUN --network`"),
    ],
)
def test_what_needs_buildkit_is_named_with_its_line(dockerfile: str, line: int, named: str) -> None:
    found = needs_buildkit(dockerfile)
    assert found is not None
    assert found.line == line
    assert found.why.startswith(f"{named} needs BuildKit")


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM a\nRUN true\n",
        "# syntax=docker/dockerfile:1\nFROM --platform=linux/amd64 a\nCOPY --from=b --chown=1:1 x /x\n",
        "FROM a\nRUN echo 1 && \\\n  tool --mount=x --chmod=755\n",
        "FROM a\nRUN echo '<<EOF' > x\n",
        'FROM a\nRUN python3 -c "print(1 <<2)"\n',
        "FROM a\nRUN test $((1 << 2)) = 4\n",
        'FROM a\nRUN cat <<< "x" > y\n',
    ],
)
def test_what_the_engines_own_builder_takes_is_let_through(dockerfile: str) -> None:
    assert needs_buildkit(dockerfile) is None
