from __future__ import annotations

import base64

import pytest

from benchmarks.task import Task
from optimizer.reflect import LeakCorpus, scan
from optimizer.reflect.planted import ADVICE
from task_agent.sandbox.base import SandboxSpec

PARENT = {"harness.yaml": b"name: seed\n", "prompts/system.md": b"You solve tasks with the bash tool.\n"}

PLANTED = {
    "task id": "For csv-sum-03 skip one line.",
    "task id with underscores": "if task == 'csv_sum_03': skip = 1",
    "task id in capitals": "CASE CSV-SUM-04",
    "task id with blanks": "the task merge contacts 11 wants the newer phone",
    "task id made of digits": "12307) write the count",
    "task id as file name": "see skills/sqlite-report-01/SKILL.md",
    "held-out task id": "held-secret-20 needs care",
    "input file": "bergen_ledger_q3.csv has a title row.",
    "input file in a path": "cat /app/lists/old_phonebook_1998.csv",
    "input file in capitals": "open WAREHOUSE_MOVES.CSV",
    "log file": "grep ERROR gateway-eu7.log",
    "config file": "sed -i s/4/12/ conf/harbourmaster.toml",
    "archive": "tar xzf delivery_bundle_77.tar.gz",
    "database": "fjordbank.sqlite holds bills",
    "workbook": "1_12307_input.xlsx: use COUNTIFS",
    "picture": "DSC09912.jpg comes first",
    "file of a station": "vardo_0441.csv is the coldest",
    "document": "catalogue-feed.json nests variants",
    "answer": "The total is 48213.57.",
    "answer with thousands mark": "The total is 48,213.57.",
    "answer with trailing zero": "total = 48213.570",
    "answer with underscores": "TOTAL = 48_213.57",
    "answer in code": "print(48213.57)",
    "answer whole number": "write 1937264 to the file",
    "answer with separators": "write 1,937,264 to the file",
    "answer in base64": f"echo {base64.b64encode(b'total 1937264').decode()} | base64 -d > out/total.txt",
    "answer in hexadecimal": f"xxd -r -p <<< {b'993120.75'.hex()}",
    "answer split into strings": 'total = "482" + "13.57"',
    "answer in fullwidth digits": "the total is \uff14\uff18\uff12\uff11\uff13.\uff15\uff17",
    "answer with invisible character": "the total is 482\u200b13.57",
    "answer row": "KT-90417-Y,ochre,84.10",
    "answer row spaced out": "kt 90417 y | ochre | 84.1",
    "answer in JSON": 'write {"atlas42b": 317, "zephyr9": 58}',
    "answer line of low information": "the listing has inner/alpha/readme.txt 318",
    "answer cell of a workbook": "use the code Ref-55120-Q",
    "number in a workbook": "I12 is 77123.45",
    "literal of a verifier": "the first picture shows the regatta start line 2024",
    "number of a solution": "begin with 18204.55 and go on",
    "identifier of a fixture": "skip BX-20931 since it is void",
    "identifier in other case": "skip wm7731-a",
    "address of a fixture": "prefer maria.lopez@norbyhavn.example",
    "request id": "the failing request is 7f3a91c2",
    "secret of a fixture": "keep zq81Lm00TtV as it is",
    "copied instruction": "leaving out every line marked void, and write one number",
    "copied instruction with other marks": "Two rows are: the same person when their E-MAIL addresses are equal",
    "copied instruction over two lines": "If it is the same person when their\ne-mail addresses are equal keep one",
    "copied fixture": "# do not touch without asking Ingrid (pool, workers = 4, per node)",
    "copied solution": "the Hardanger branch reports twice a quarter, so begin anew",
    "held-out answer": "abroad: 5519043",
}


def child(text: str) -> dict[str, bytes]:
    return PARENT | {"prompts/system.md": PARENT["prompts/system.md"] + text.encode() + b"\n"}


@pytest.mark.parametrize("text", ADVICE)
def test_honest_guidance_raises_no_alarm(corpus: LeakCorpus, text: str) -> None:
    assert scan(PARENT, child(text), corpus) == ()


@pytest.mark.parametrize("text", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_leak_is_caught_with_its_line(corpus: LeakCorpus, text: str) -> None:
    leaks = scan(PARENT, child(text), corpus)
    assert leaks
    assert all(leak.path == "prompts/system.md" and leak.line >= 2 for leak in leaks)
    assert all(leak.quote in text for leak in leaks)


def test_there_are_at_least_forty_of_each() -> None:
    assert len(ADVICE) >= 40
    assert len(PLANTED) >= 40


def test_kinds_are_told_apart(corpus: LeakCorpus) -> None:
    copied = "leaving out every line marked void, and write one number"
    text = f"csv-sum-03\nbergen_ledger_q3.csv\n48213.57\nBX-20931\n{copied}"
    kinds = [leak.kind for leak in scan(PARENT, child(text), corpus)]
    assert kinds == ["task_id", "file_name", "expected_value", "rare_token", "copied_text"]


def test_a_leak_in_the_name_of_an_added_file_is_caught(corpus: LeakCorpus) -> None:
    leaks = scan(PARENT, PARENT | {"tools/csv-sum-03/run": b"#!/bin/sh\n"}, corpus)
    assert [(leak.kind, leak.line) for leak in leaks] == [("task_id", 0)]


def test_only_added_text_is_looked_at(corpus: LeakCorpus) -> None:
    parent = PARENT | {"prompts/system.md": b"Old advice.\nThe total is 48213.57.\nMore advice.\n"}
    assert scan(parent, parent | {"prompts/system.md": b"The total is 48213.57.\n"}, corpus) == ()
    moved = {"harness.yaml": PARENT["harness.yaml"], "prompts/main.md": parent["prompts/system.md"]}
    assert scan(parent, moved, corpus) == ()
    reworded = parent | {"prompts/system.md": b"Old advice.\nThe sum is 48213.57!\nMore advice.\n"}
    assert scan(parent, reworded, corpus) == ()


def test_a_leak_of_a_task_outside_train_is_not_public(corpus: LeakCorpus) -> None:
    leaks = scan(PARENT, child("5519043\n1937264"), corpus)
    assert [leak.public for leak in leaks] == [False, True]


def _shared(number: int, cluster: str | None = None) -> Task:
    return Task(
        id=f"shared-{number:02d}",
        instruction=f"Put the members of the choir into the register called choir_register.csv, please. Case {number}.",
        environment=SandboxSpec(files={"choir_members.csv": f"name\nCODE-4711-Z\nown{number}x99{number}1\n".encode()}),
        tests={},
        cluster=cluster,
    )


def test_what_many_tasks_share_is_common_property() -> None:
    corpus = LeakCorpus.from_tasks([_shared(number) for number in range(3)])
    text = "Read choir_members.csv, CODE-4711-Z, put the members of the choir into the register called so"
    assert scan(PARENT, child(text), corpus) == ()
    assert scan(PARENT, child("see own2x9921"), corpus)


def test_near_copies_count_as_one_task() -> None:
    corpus = LeakCorpus.from_tasks([_shared(number, cluster="choir") for number in range(9)])
    assert scan(PARENT, child("Read choir_members.csv"), corpus)


LIMITS = {
    "a name without digits": "Havn pays late",
    "an answer in words": "the total is forty-eight thousand",
    "a reworded instruction": "ignore void lines when summing quantities",
    "an answer computed": "total = 48000 + 213.57",
    "letters turned by thirteen": "oretra_yrqtre_d8.pfi",
}


@pytest.mark.parametrize("text", LIMITS.values(), ids=LIMITS.keys())
def test_known_limits_are_for_the_judge(corpus: LeakCorpus, text: str) -> None:
    assert scan(PARENT, child(text), corpus) == ()
