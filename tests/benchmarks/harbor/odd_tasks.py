"""Self-written tasks in Harbor's format, each for one thing that the format knows; most need an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

BASE = "FROM ratchet-base:bookworm\n"
APP = BASE + "WORKDIR /app\nRUN true\n"
REWARD = "> /logs/verifier/reward.txt"
RIGHT = f'test "$(cat answer.txt 2>/dev/null)" = right; echo $((1 - $?)) {REWARD}\n'

SERVE = (
    "mkdir -p /srv/www && echo right > /srv/www/page\n"
    "cd /srv/www && nohup python3 -m http.server 8099 --bind 127.0.0.1 >/dev/null 2>&1 &\nsleep 1\n"
)
FETCH = (
    "import urllib.request as u\n"
    "try: found = u.urlopen('http://127.0.0.1:8099/page', timeout=5).read()\n"
    "except OSError: found = b''\n"
    "open('/logs/verifier/reward.txt', 'w').write(str(int(found == b'right\\n')))\n"
)
MEMORY = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"

_USUAL = {
    "task.toml": 'version = "1.0"\n',
    "instruction.md": "Write `right` to answer.txt.\n",
    "environment/Dockerfile": APP,
    "tests/test.sh": RIGHT,
    "solution/solve.sh": "echo right > answer.txt\n",
}

ODD: Mapping[str, Mapping[str, str | None]] = {
    "old-spellings": {
        "task.toml": 'version="1.0"\n[environment]\nmemory = "2G"\nstorage = "1G"\nallow_internet = false\ncpus=64\n',
        "tests/test.sh": f'test "$({MEMORY})" = "$(cat answer.txt)"; echo $((1 - $?)) {REWARD}\n',
        "solution/solve.sh": f"{MEMORY} > answer.txt; test $(cat answer.txt) = 2147483648 || rm answer.txt\n",
    },
    "no-workdir": {
        "environment/Dockerfile": BASE + "RUN echo here > /mark.txt\n",
        "tests/test.sh": f'test "$PWD" = / && test -f mark.txt && test -f answer.txt; echo $((1 - $?)) {REWARD}\n',
    },
    "multi-stage": {
        "environment/Dockerfile": "FROM ratchet-base:bookworm AS build\nWORKDIR /made\nRUN echo right > made.txt\n"
        + BASE
        + "ARG PLACE=work\nWORKDIR /srv/$PLACE\nCOPY --from=build /made/made.txt ./\n",
        "tests/test.sh": f'cd /srv/work && test "$(cat answer.txt)" = "$(cat made.txt)"; echo $((1 - $?)) {REWARD}\n',
        "solution/solve.sh": "cp made.txt answer.txt\n",
    },
    "stage-on-stage": {
        "environment/Dockerfile": "FROM ratchet-base:bookworm AS first\nWORKDIR /deep\nFROM first\nRUN true\n",
        "tests/test.sh": f'test "$PWD" = /deep && {RIGHT}',
    },
    "live-server": {
        "task.toml": 'version = "1.0"\n[metadata]\nkeep_processes = true\n',
        "tests/test.sh": "python3 /tests/fetch.py\n",
        "tests/fetch.py": FETCH,
        "solution/solve.sh": SERVE,
    },
    "path-override": {
        "task.toml": '[environment.env]\nPATH = "/opt/tools/bin:/usr/bin:/bin"\n',
        "environment/Dockerfile": APP + "COPY tools/ /opt/tools/bin/\nRUN chmod 755 /opt/tools/bin/answer\n",
        "environment/tools/answer": "#!/bin/sh\necho right\n",
        "tests/test.sh": f'test "$(answer)" = right && {RIGHT}',
        "solution/solve.sh": "answer > answer.txt\n",
    },
    "several-rewards": {
        "task.toml": '[metadata]\nreward_key = "correct"\n',
        "tests/test.sh": "grep -qs right answer.txt && r=1 || r=0\n"
        'echo "{\\"speed\\": 12.5, \\"correct\\": $r, \\"style\\": 0}" > /logs/verifier/reward.json\n',
    },
    "default-of-the-host": {
        "task.toml": '[environment.env]\nWORD = "${RATCHET_NOT_SET:-right}"\n[verifier.env]\nWORD = "${X:-right}"\n',
        "tests/test.sh": f'test "$(cat answer.txt)" = "$WORD"; echo $((1 - $?)) {REWARD}\n',
        "solution/solve.sh": 'echo "$WORD" > answer.txt\n',
    },
    "two-users": {
        "task.toml": '[agent]\nuser = "worker"\n[verifier]\nuser = "root"\n',
        "environment/Dockerfile": APP + "RUN useradd -u 1500 worker && chown worker /app\n",
        "tests/test.sh": f'test "$(id -un) $(stat -c %U answer.txt)" = "root worker"; echo $((1 - $?)) {REWARD}\n',
    },
    "user-of-the-image": {
        "environment/Dockerfile": APP + "RUN useradd -u 1500 worker && chown worker /app\nUSER 1500\n",
        "tests/test.sh": f'test "$(stat -c %U answer.txt)" = worker; echo $((1 - $?)) {REWARD}\n',
    },
    "three-steps": {
        "task.toml": 'schema_version = "1.4"\nmulti_step_reward_strategy = "mean"\n'
        '[[steps]]\nname = "one"\nmin_reward = 1.0\n'
        '[[steps]]\nname = "two"\nagent.timeout_sec = 30\n[steps.min_reward]\nreward = 0.5\n'
        '[[steps]]\nname = "three"\n',
        "instruction.md": None,
        "tests/test.sh": f'test "$(cat answer.txt)" = "$(cat /tests/wanted)"; echo $((1 - $?)) {REWARD}\n',
        "solution/solve.sh": None,
        **{
            f"steps/{name}/{file}": text
            for name in ("one", "two", "three")
            for file, text in {
                "instruction.md": f"Append {name} to answer.txt.\n",
                "solution/solve.sh": f"echo {name} >> answer.txt; ! test -e /tests\n",
                "workdir/setup.sh": f"echo {name} > stage.txt\n",
            }.items()
        },
        "steps/one/tests/wanted": "one\n",
        "steps/two/tests/wanted": "one\ntwo\n",
        "steps/three/tests/wanted": "one\ntwo\nthree\n",
    },
    "last-step-counts": {
        "task.toml": 'multi_step_reward_strategy = "final"\n[[steps]]\nname = "a"\n[[steps]]\nname = "b"\n',
        "instruction.md": None,
        "tests/test.sh": f"test -f b.txt; echo $((1 - $?)) {REWARD}\n",
        "solution/solve.sh": None,
        "steps/a/instruction.md": "Make a.txt.\n",
        "steps/b/instruction.md": "Make b.txt from a.txt.\n",
        "steps/a/solution/solve.sh": "echo right > a.txt\n",
        "steps/b/solution/solve.sh": "cp a.txt b.txt\n",
    },
    "graded-elsewhere": {
        "task.toml": 'artifacts = ["answer.txt", {source = "/app/more", destination = "m", exclude = ["*.log"]}]\n'
        '[verifier]\nenvironment_mode = "separate"\n'
        '[[verifier.collect]]\ncommand = "cp answer.txt more/copy.txt"\n',
        "environment/Dockerfile": APP + "RUN mkdir more && touch only-there more/a.log\n",
        "tests/test.sh": "touch /app/x; ls /app/more | tr '\\n' ' ' > /tmp/seen; cat /tmp/seen\n"
        f'test "$(cat /tmp/seen)" = "copy.txt " && {RIGHT}',
        "tests/Dockerfile": APP + "RUN touch /only-for-grading\n",
    },
    "graded-in-the-same-image": {
        "task.toml": 'artifacts = ["/app/answer.txt"]\n[verifier.environment]\nmemory_mb = 256\nworkdir = "/app"\n',
        "solution/solve.sh": "echo right > answer.txt; echo spoilt > /usr/local/bin/grade-me\n",
        "tests/test.sh": f"test -e /usr/local/bin/grade-me && exit 1\n{RIGHT}",
    },
    "health-check": {
        "task.toml": "[environment.healthcheck]\n"
        "command = 'test -f ready || { echo x >> tries; test $(wc -l < tries) -ge 3 && touch ready; false; }'\n"
        "interval_sec = 0.1\nretries = 5\n",
        "tests/test.sh": f"test -f ready && {RIGHT}",
        "solution/solve.sh": "test -f ready && echo right > answer.txt\n",
    },
    "image-without-dockerfile": {
        "task.toml": '[environment]\ndocker_image = "ratchet-base:bookworm"\nworkdir = "/srv/x"\n',
        "environment/Dockerfile": None,
        "tests/test.sh": f'test "$PWD" = /srv/x && {RIGHT}',
    },
    "image-that-is-not-here": {
        "task.toml": '[environment]\ndocker_image = "registry.example/none:1"\n',
        "environment/Dockerfile": APP + "RUN echo built > built.txt\n",
        "tests/test.sh": f"test -f built.txt && {RIGHT}",
    },
    "mapped-image": {
        "environment/Dockerfile": "FROM python:9.99-none AS x\nFROM --platform=linux/amd64 python:9.99-none\n"
        "WORKDIR /app\nRUN echo built > built.txt\n",
        "tests/test.sh": f"test -f built.txt && {RIGHT}",
    },
    "network-for-the-verifier": {
        "task.toml": '[environment]\nnetwork_mode = "no-network"\n[verifier]\nnetwork_mode = "public"\n',
        "tests/test.sh": "ls /sys/class/net | grep -q eth || rm -f answer.txt\n" + RIGHT,
        "solution/solve.sh": "ls /sys/class/net | grep -q eth || echo right > answer.txt\n",
    },
    "all-the-variables": {
        "task.toml": "[agent]\ntimeout_sec = 60\n[verifier]\ntimeout_sec = 60\n[verifier.env]\nWANTED = 'right'\n"
        "[environment]\ncpus = 2\nbuild_timeout_sec = 120\n[solution.env]\nGIVEN = 'right'\n",
        "tests/test.sh": f'test "$(cat answer.txt)" = "$WANTED" && test "$GIVEN" = ""; echo $((1 - $?)) {REWARD}\n'
        'echo \'{"results": {"tests": [{"name": "t", "status": "passed"}]}}\' > /logs/verifier/ctrf.json\nexit 7\n',
        "solution/solve.sh": 'echo "$GIVEN" > answer.txt; test "$DEBIAN_FRONTEND" = noninteractive || rm answer.txt\n',
    },
    "deep-context": {
        "environment/Dockerfile": APP + "COPY ./data/ ./in\nCOPY data/deep/b.txt /other/\n",
        "environment/data/a.txt": "a\n",
        "environment/data/deep/b.txt": "right\n",
        "environment/.dockerignore": "*.md\n",
        "environment/notes.md": "left out\n",
        "tests/test.sh": f"test -f in/deep/b.txt && test ! -e notes.md && {RIGHT}",
        "solution/solve.sh": "cp /other/b.txt answer.txt\n",
    },
}


def write_odd(root: Path, name: str) -> Path:
    """Write one of the tasks as a folder below `root`."""
    folder = root / name
    for path, text in {**_USUAL, **ODD[name]}.items():
        if text is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    return folder
