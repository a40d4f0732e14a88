"""What an attempt of the bench does: two files, a few commands, a test that writes the reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILES: Final[Mapping[str, bytes]] = {"data.csv": b"a,1\nb,2\n", "notes/readme.txt": b"sum the second column\n"}
COMMANDS: Final = (
    "ls -R .",
    "total=$(cut -d, -f2 data.csv | paste -sd+ | { read -r s; echo $((s)); })",
    "echo $total > out.txt",
)
TEST: Final = b'#!/bin/bash\n[ "$(cat out.txt)" = 3 ] && echo 1 > ${LOGS_DIR:-/logs}/verifier/reward.txt\n'
REWARD: Final = b"1\n"
