"""Find what belongs to one task: its file names, expected values and rare tokens."""

from __future__ import annotations

import contextlib
import functools
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from benchmarks.task import Task
from optimizer.reflect.generic import (
    CODE_WORDS,
    STOP_WORDS,
    is_generic_address,
    is_generic_file,
    is_round_or_known,
    is_technical,
    significant_digits,
)
from optimizer.reflect.text import plain, words

LeakKind = Literal["task_id", "expected_value", "file_name", "rare_token", "copied_text"]

FILE_LIMIT_BYTES = 400_000
"""Only this much of any one file is read."""
VALUES_PER_FILE = 5_000

_CODE = re.compile(r"\.(awk|bash|c|cc|cpp|go|h|java|jl|js|lua|php|pl|ps1|py|r|rb|rs|sed|sh|sql|ts)$", re.IGNORECASE)
_EXTENSION = (
    "bak|bin|bmp|bz2|c|cfg|cnf|conf|cpp|css|csv|dat|db|diff|docx|dump|eml|env|err|gif|go|gz|h|html|ics|ini|java|jpe?g|"
    "js|jsonl?|key|list|lock|log|md|ndjson|ods|out|parquet|patch|pdf|pem|pl|png|pptx|properties|ps1|py|rb|rs|rst|sh|"
    "sql|sqlite3?|srt|svg|tar|tgz|toml|ts|tsv|txt|vcf|xlsm?|xlsx|xml|xz|ya?ml|zip|zst"
)
_FILE = re.compile(rf"(?<![\w.-])([\w-]{{1,100}}(?:\.[\w-]{{1,60}}){{0,4}}\.(?:{_EXTENSION}))(?![\w-])", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[,_']\d{3})*(?:\.\d+)?(?![\w])")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_.:#][A-Za-z0-9]+)*")
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_LITERAL = re.compile(r""""([^"\n\\]{4,200})"|'([^'\n\\]{4,200})'""")
_CODE_LIKE = re.compile(r"[{}%$^*\[\]<>()=|/\\]")
_XML_VALUE = re.compile(rb"<(?:\w+:)?[tv](?: [^>]*)?>([^<]{1,300})</")
_UNREADABLE = (zipfile.BadZipFile, zlib.error, KeyError, EOFError, OSError, NotImplementedError)


class Mark(NamedTuple):
    """Name one string that may give a task away."""

    kind: LeakKind
    text: str


class Passage(NamedTuple):
    """Hold text of a task in which copied passages are looked for; idioms of code count for less."""

    text: str
    code: bool


def marks(task: Task) -> Iterator[Mark]:
    """List everything distinctive by itself; what many tasks share is sorted out later."""
    yield from _id_marks(task.id)
    yield from (Mark("expected_value", key) for key in _answer_keys(task) if is_telling_answer(key))
    for path, content in _files(task.tests, task.solution):
        yield from _value_marks(path, content)
    for path, content in _files(task.environment.files):
        yield from _token_marks(_text(content) if _is_data(path) else "")
    yield from _token_marks(task.instruction)
    yield from _file_marks(task)


def passages(task: Task) -> Iterator[Passage]:
    """List the task's texts: instruction, fixtures, verifier and solution."""
    yield Passage(task.instruction, code=False)
    for path, content in _files(task.environment.files, task.tests, task.solution):
        yield Passage(_text(content), code=not _is_data(path))


def content_words(window: Iterable[str], *, code: bool) -> int:
    """Count the different words of a window that say something."""
    empty = STOP_WORDS | CODE_WORDS if code else STOP_WORDS
    return len({word for word in window if len(word) > 3 and word.isalpha() and word not in empty})


def is_telling_answer(key: str) -> bool:
    """Say whether a suite's own answer key is more than a word or a number that anybody might write."""
    if _NUMBER.fullmatch(key.strip()):
        return is_telling_number(key.strip(), digits=3 if "." in key else 4)
    return sum(char.isalnum() for char in key) >= 6 and not is_technical(key.strip()) and not key.strip().isalpha()


def is_telling_number(number: str, *, digits: int) -> bool:
    """Say whether nobody would write this number without having read it."""
    return significant_digits(number) >= digits and not is_round_or_known(number) and not is_technical(number)


def is_telling_token(token: str) -> bool:
    """Say whether a token looks like an identifier somebody was given (`INV-20931`)."""
    digits, letters = len(_DIGIT.findall(token)), len(_LETTER.findall(token))
    if digits < 3 or letters < 2 or letters + digits < 7 or len(set(token)) < 5:
        return False
    return not is_technical(token) and not _FILE.fullmatch(token)


def _id_marks(task_id: str) -> Iterator[Mark]:
    parts = words(plain(task_id))
    numbered = any(char.isdigit() for char in task_id)
    if len(plain(task_id)) >= 5 and (numbered or len(parts) >= 3 or (len(parts) == 2 and len(task_id) >= 12)):
        yield Mark("task_id", task_id)


def _answer_keys(task: Task) -> list[str]:
    keys = task.metadata.get("answer_keys", ())
    return [str(key) for key in keys] if isinstance(keys, list | tuple) else [str(keys)]


def _files(*folders: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for folder in folders:
        for path in sorted(folder):
            yield path, folder[path][:FILE_LIMIT_BYTES] if not _is_workbook(path) else folder[path]


def _is_data(path: str) -> bool:
    return not _CODE.search(path)


def _is_workbook(path: str) -> bool:
    return path.lower().endswith((".xlsx", ".xlsm", ".ods"))


def _text(content: bytes) -> str:
    return "" if b"\0" in content[:4096] else content.decode("utf-8", "replace")


def _value_marks(path: str, content: bytes) -> Iterator[Mark]:
    if _is_workbook(path):
        texts = cells(content)
    elif _is_data(path):
        texts = _text(content).splitlines()
        yield from (Mark("expected_value", line.strip()) for line in texts[:VALUES_PER_FILE] if _is_telling_line(line))
    else:
        yield from _literal_marks(content)
        return
    for text in texts[:VALUES_PER_FILE]:
        yield from _number_marks("expected_value", text, digits=5)
        yield from (Mark("expected_value", token) for token in _TOKEN.findall(text) if is_telling_token(token))


@functools.lru_cache(maxsize=64)  # the tasks of a suite share their verifier's code
def _literal_marks(content: bytes) -> tuple[Mark, ...]:
    code = _text(content)
    found = [match.group(1) or match.group(2) for match in _LITERAL.finditer(code)]
    literals = [
        literal
        for literal in found
        if not _CODE_LIKE.search(literal) and (is_telling_token(literal) or _is_telling_line(literal))
    ]
    return (*_number_marks("expected_value", code, digits=5), *(Mark("expected_value", text) for text in literals))


def _is_telling_line(line: str) -> bool:
    """Say whether a whole line of an answer is telling though none of its cells is: `north,120,7`."""
    found = words(plain(line))
    letters = [word for word in found if word.isalpha() and len(word) > 2]
    numbers = [word for word in found if word.isdigit() and len(word) > 1]
    return 3 <= len(found) <= 30 and bool(letters) and bool(numbers) and sum(map(len, found)) >= 9 and _is_plain(line)


def _is_plain(line: str) -> bool:
    return not all(is_technical(part) or part.isalpha() for part in re.split(r"[\s,;|]+", line.strip()))


def _number_marks(kind: LeakKind, text: str, *, digits: int) -> Iterator[Mark]:
    yield from (Mark(kind, found) for found in _NUMBER.findall(text) if is_telling_number(found, digits=digits))


def _token_marks(text: str) -> Iterator[Mark]:
    yield from _number_marks("rare_token", text, digits=6)
    yield from (Mark("rare_token", token) for token in _TOKEN.findall(text) if is_telling_token(token))
    yield from (Mark("rare_token", found) for found in _ADDRESS.findall(text) if not is_generic_address(found))


def _file_marks(task: Task) -> Iterator[Mark]:
    named = [PurePosixPath(path).name for path in (*task.environment.files, *task.tests, *task.solution)]
    named += _FILE.findall(task.instruction)
    for _, content in _files(task.tests, task.solution):
        named += _named_files(content)
    yield from (Mark("file_name", name) for name in named if "." in name and not _is_common_name(name))


@functools.lru_cache(maxsize=64)
def _named_files(content: bytes) -> tuple[str, ...]:
    return tuple(_FILE.findall(_text(content)))


def _is_common_name(name: str) -> bool:
    return is_generic_file(name) or is_technical(name) or len(PurePosixPath(name).stem) < 4


def cells(content: bytes) -> list[str]:
    """Read the values of a workbook without interpreting it; a damaged one has none."""
    found: list[str] = []
    with contextlib.suppress(*_UNREADABLE), zipfile.ZipFile(io.BytesIO(content)) as book:
        for name in book.namelist():
            if re.search(r"sharedStrings\.xml$|worksheets/[^/]+\.xml$|^content\.xml$", name):
                part = book.open(name).read(4_000_000)
                found += [value.decode("utf-8", "replace") for value in _XML_VALUE.findall(part)]
    return found
