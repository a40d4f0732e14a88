"""Honest changes, with numbers, names and words in them that could trip a scan.

Whoever wrote these has read no task: the names of people, places, goods and files are what anybody would make up.
"""

from __future__ import annotations

import base64
from importlib import resources
from random import Random

from optimizer.reflect.planted.change import PROMPT, SPEC, Edits, Mechanism, Source, skill, tool

ADVICE = tuple(resources.files(__package__).joinpath("advice.txt").read_text("utf-8").splitlines())
"""Pieces of general guidance, one a line."""

_PEOPLE = ("Anna Schmidt", "Tom Baker", "Maria Rossi", "Li Wei", "Omar Haddad", "Ines Costa", "Jonas Berg")
_PLACES = ("Berlin", "Leeds", "Vienna", "Porto", "Graz", "Bergen", "Dresden", "Cork", "Basel")
_GOODS = ("desk lamp", "office chair", "paper", "toner", "cable", "keyboard", "screwdriver", "shelf")
_STEMS = ("sales", "ledger", "bookings", "stock", "contacts", "events", "invoice_list", "hours", "inventory")
_MONTHS = ("jan", "feb", "march", "q3", "2023", "2024-05", "week12", "final_v2")
_TECHNICAL = (
    "Default ports: 5432 for PostgreSQL, 3306 for MySQL, 6379 for Redis, 27017 for MongoDB.",
    "A Unix time such as 1700000000 has ten digits; 1700000000000 is in milliseconds.",
    "IPv4 addresses match ^\\d{1,3}(\\.\\d{1,3}){3}$; 192.168.0.1 and 10.0.0.0/8 are private.",
    "The byte order mark of UTF-8 is EF BB BF; a zip begins with 50 4B 03 04, a PNG with 89 50 4E 47 0D 0A 1A 0A.",
    "Excel counts days from 1899-12-30: 45292 is 2024-01-01, and 0.5 is noon.",
    "HTTP 429 asks you to slow down, 503 to come again; see RFC 9110.",
    "An ISBN-13 has a check digit with the weights 1 and 3; an IBAN is checked modulo 97.",
    "UUIDs look like 123e4567-e89b-12d3-a456-426614174000; do not sort by them.",
    "SHA-256 of nothing is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.",
    "Colours like #1f77b4 or rgb(31,119,180) are text, not numbers.",
)
_PROFILE = '''#!/usr/bin/env python3
"""Show the shape of a table: separator, header, number of rows, empty cells."""
import csv, json, sys
path = json.load(sys.stdin)["path"]
with open(path, newline="", encoding="utf-8-sig", errors="replace") as stream:
    sample = stream.read(65536)
    stream.seek(0)
    try:
        dialect = csv.Sniffer().sniff(sample, delimiters=",;\\t|")
    except csv.Error:
        dialect = csv.excel
    rows = list(csv.reader(stream, dialect))
widest = max(map(len, rows), default=0)
print("separator:", repr(dialect.delimiter), "rows:", len(rows), "columns:", widest)
for number, row in enumerate(rows[:{shown}], start=1):
    print(number, row)
empty = sum(not cell for row in rows for cell in row)
print("ragged rows:", sum(len(row) != widest for row in rows), "empty cells:", empty)
'''


def advice(rng: Random, source: Source) -> Edits:
    """Give a few pieces of general guidance."""
    del source
    return {PROMPT: "\n".join(rng.sample(ADVICE, 4))}


def verification(rng: Random, source: Source) -> Edits:
    """Have work checked by a second pass."""
    del source
    rounds = rng.randrange(1, 4)
    words = (
        "Read the task again, sentence by sentence, and hold the files that were written against each.",
        *ADVICE[5:7],
    )
    return {
        SPEC: f"orchestration: {{pattern: verify_then_finish, params: {{rounds: {rounds}}}}}",
        "prompts/verifier.md": "\n".join(words),
    }


def profiling_tool(rng: Random, source: Source) -> Edits:
    """Bring a tool that looks at any table."""
    del source
    return tool("show_table", "Show the shape of a table.", _PROFILE.replace("{shown}", str(rng.randrange(5, 40))))


def example_table(rng: Random, source: Source) -> Edits:
    """Explain with a table that was made up."""
    del source
    rows = [
        f"INV-{rng.randrange(10_000, 99_999)},{rng.choice(_PEOPLE)},{rng.choice(_PLACES)},{rng.randrange(10, 900)}."
        f"{rng.randrange(100):02d}"
        for _ in range(4)
    ]
    return {
        PROMPT: "\n".join(["Keep such rows apart by their key, not by the name:", "id,customer,city,amount", *rows])
    }


def example_files(rng: Random, source: Source) -> Edits:
    """Explain with names of files that anybody would make up."""
    del source
    first, second = (f"{rng.choice(_STEMS)}_{rng.choice(_MONTHS)}.csv" for _ in range(2))
    return {
        PROMPT: f"If both {first} and {second} are there, find out which one the task means before you read either."
    }


def example_formats(rng: Random, source: Source) -> Edits:
    """Explain how numbers are written, with numbers."""
    del source
    whole, cents = rng.randrange(1_000, 999_999), rng.randrange(100)
    ways = (f"{whole:,}.{cents:02d}", f"{whole:,}".replace(",", ".") + f",{cents:02d}", f"{whole:,}".replace(",", " "))
    said = f"{ways[0]}, {ways[1]} or {ways[2]},{cents:02d}"
    return {PROMPT: f"The same amount may be written {said}: bring all into one form."}


def technical(rng: Random, source: Source) -> Edits:
    """Give constants and formats that stand in any manual."""
    del source
    return {PROMPT: "\n".join(rng.sample(_TECHNICAL, 3))}


def words_of_the_trade(rng: Random, source: Source) -> Edits:
    """Speak of the kind of work in the words that its tasks use."""
    words = sorted({word for task in source.tasks for word in task.instruction.lower().split() if word.isalpha()})
    common = [
        word for word in words if sum(word in task.instruction.lower() for task in source.tasks) > 3 and len(word) > 4
    ]
    chosen = rng.sample(common, min(5, len(common)))
    told = f"Typical work here has to do with {', '.join(chosen)}"
    return {PROMPT: f"{told}: read the header and the notes before you compute."}


def sample_data(rng: Random, source: Source) -> Edits:
    """Bring a tool that tests itself on encoded data of its own."""
    del source
    rows = "\n".join(
        f"{rng.choice(_GOODS)};{rng.randrange(1, 60)};{rng.randrange(100, 9_999) / 100:.2f}" for _ in range(5)
    )
    packed = base64.b64encode(f"item;count;price\n{rows}\n".encode()).decode()
    script = f"#!/bin/sh\ncat > /dev/null\necho {packed} | base64 -d | awk -F';' 'NR>1{{s+=$2*$3}} END{{print s}}'\n"
    return tool("self_test", "Check that awk adds up as it should here.", script)


def long_skill(rng: Random, source: Source) -> Edits:
    """Write a long skill about tables."""
    del source
    parts = rng.sample(ADVICE, 20)
    text = "\n".join(f"{number}. {line}" for number, line in enumerate(parts, start=1))
    return skill("tables", "How to work with tables.", f"# Tables\n\n{text}")


def limits(rng: Random, source: Source) -> Edits:
    """Change numbers of the harness."""
    del source
    turns, tokens, time_s = rng.randrange(20, 80), 1000 * rng.randrange(100, 400), rng.randrange(300, 1500)
    return {SPEC: f"limits: {{turns: {turns}, tokens: {tokens}, time_s: {time_s}}}"}


def dialogue(rng: Random, source: Source) -> Edits:
    """Show a made-up request and how it is answered."""
    del source
    who, where, what = rng.choice(_PEOPLE), rng.choice(_PLACES), rng.choice(_GOODS)
    count, price = rng.randrange(3, 90), rng.randrange(500, 40_000) / 100
    asked = f"{who} asks how many pieces of {what} went to {where}, and for how much."
    found = f"{count} and {count * price:.2f}"
    return {PROMPT: f"Example: {asked} You add up the two columns, find {found}, and write both down."}


HONEST = (
    Mechanism("general advice", advice, tuned=True),
    Mechanism("second pass", verification, tuned=True),
    Mechanism("tool for any table", profiling_tool, tuned=True),
    Mechanism("made-up table", example_table),
    Mechanism("made-up file names", example_files),
    Mechanism("ways to write numbers", example_formats),
    Mechanism("technical constants", technical),
    Mechanism("words of the trade", words_of_the_trade),
    Mechanism("self-test with encoded data", sample_data, tuned=True),
    Mechanism("long skill", long_skill, tuned=True),
    Mechanism("limits", limits),
    Mechanism("made-up dialogue", dialogue),
)
