"""The one shell of an attempt, in every kind of sandbox."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from task_agent.sandbox import Sandbox

from .cases import SPEC, every_kind, run, said

pytestmark = pytest.mark.asyncio(loop_scope="module")


@every_kind
async def test_directory_and_variables_carry_over(shared: Sandbox) -> None:
    await run(shared, "mkdir -p sub; cd sub; word=kept; export LOUD=yes; f() { echo called; }")
    assert (await said(shared, "basename $PWD; echo $word; sh -c 'echo $LOUD'; f")).split() == [
        "sub",
        "kept",
        "yes",
        "called",
    ]


@every_kind
async def test_the_tasks_files_and_settings_are_there(shared: Sandbox) -> None:
    assert (
        await said(shared, "cat data.csv; wc -c < deep/er/note.txt; ./run.sh x; echo $TASK_SETTING")
        == "a,1\nb,2\n4\nran x\nseven"
    )


@every_kind
@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1), ("(exit 7)", 7), ("no-such-program", 127)])
async def test_the_exit_code_is_the_commands(shared: Sandbox, command: str, code: int) -> None:
    assert (await run(shared, command)).exit_code == code


@every_kind
async def test_output_and_errors_come_in_the_order_written(shared: Sandbox) -> None:
    assert await said(shared, "echo 1; echo 2 >&2; echo 3; echo 4 >&2") == "1\n2\n3\n4"


@every_kind
async def test_no_variable_of_the_host_leaks_in(shared: Sandbox) -> None:
    names = {line.partition("=")[0] for line in (await said(shared, "env")).splitlines()}
    own = {"PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_", "LANG", "TERM", "TZ", "TMPDIR", "HOSTNAME", "RATCHET_SANDBOX"}
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert names - own - {"TASK_SETTING", "LOUD"} == set()


@every_kind
async def test_input_reaches_the_command_byte_for_byte(shared: Sandbox) -> None:
    sent = bytes(range(256)) * 300
    assert (await run(shared, "wc -c; true", stdin=sent)).output.strip() == str(len(sent))
    assert (await run(shared, "od -An -tx1 -v | head -1", stdin=b"\x00\n'\xff")).output.split() == [
        "00",
        "0a",
        "27",
        "ff",
    ]


@every_kind
async def test_a_command_without_input_sees_its_end_at_once(shared: Sandbox) -> None:
    assert await said(shared, "cat; read -r line; echo over") == "over"


@every_kind
async def test_huge_output_keeps_beginning_and_end_and_counts_all(shared: Sandbox) -> None:
    done = await run(shared, "echo first; head -c 20000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert done.output_bytes == 20_000_012
    assert len(done.output) < SPEC.output_limit_bytes + 100
    assert done.output.startswith("first\n")
    assert done.output.endswith("x\nlast\n")
    assert "bytes left out" in done.output


@every_kind
async def test_binary_output_is_text_with_replacements(shared: Sandbox) -> None:
    done = await run(shared, r"printf 'a\377\376\000b'")
    assert done.output == "a\ufffd\ufffd\x00b"
    assert done.output_bytes == 5


@every_kind
@pytest.mark.parametrize(
    ("command", "code"),
    [("exit 3", 3), ("set -e; false; echo unreached", 1), ("exec sh -c 'exit 4'", 4), ("trap - EXIT; exit 5", 5)],
)
async def test_the_shells_end_is_reported_and_a_fresh_one_takes_over(shared: Sandbox, command: str, code: int) -> None:
    await run(shared, "gone=1; export PATH=/nowhere:$PATH")
    assert (await run(shared, command)).exit_code == code
    assert await said(shared, "basename $PWD; echo [$gone] $PATH") in {
        f"{base}\n[] {path}"
        for base in ("app", "work")
        for path in ("/usr/local/bin:/usr/bin:/bin", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    }


@every_kind
@pytest.mark.parametrize(
    "command",
    [
        "echo 'one",
        'echo "two',
        "cat <<END\nthree",
        "if true; then",
        ")",
        "exec >/dev/null 2>&1 </dev/null",
        "exec 1>&- 2>&-",
        "set -x; set +x",
        "IFS=0123456789",
        "echo nul \0 and lone \ud800",
        "break; continue; return 3",
        "alias printf=false; shopt -s expand_aliases 2>/dev/null",
    ],
    ids=str.split,
)
async def test_no_command_derails_the_conversation(shared: Sandbox, command: str) -> None:
    await run(shared, command)
    assert await said(shared, "unalias printf 2>/dev/null; unset IFS; echo still here") == "still here"


@every_kind
async def test_a_background_process_with_the_output_open_delays_nobody(shared: Sandbox) -> None:
    start = time.monotonic()
    assert await said(shared, "sleep 20 & echo started") == "started"
    assert await said(shared, "(while :; do echo noise; sleep 0.05; done) >/dev/null & echo again") == "again"
    assert time.monotonic() - start < 10


@every_kind
async def test_a_background_process_outlives_its_command_and_the_shell(shared: Sandbox) -> None:
    await run(shared, "rm -f beat; (while :; do echo x >> beat; sleep 0.05; done) >/dev/null 2>&1 &")
    await run(shared, "until test -e beat; do sleep 0.02; done; exit 1")
    before = int(await said(shared, "wc -c < beat"))
    assert await said(shared, f"while test $(wc -c < beat) = {before}; do sleep 0.02; done; echo beats") == "beats"


@every_kind
async def test_a_command_of_any_length_is_taken(shared: Sandbox) -> None:
    text = "0123456789" * 30_000
    assert await said(shared, f"v='{text}'; echo ${{#v}}") == "300000"


@every_kind
async def test_commands_asked_for_at_once_run_one_after_the_other(shared: Sandbox) -> None:
    await run(shared, "n=0")
    await asyncio.gather(*(run(shared, "m=$n; sleep 0.02; n=$((m+1))") for _ in range(5)))
    assert await said(shared, "echo $n") == "5"
