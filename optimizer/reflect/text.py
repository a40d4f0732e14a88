"""Bring text into one form, so that a copy is recognised however it was dressed up."""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_THOUSANDS = re.compile(r"(?<=\d)[,_'\u2019\u00a0\u202f ](?=\d{3}(?!\d))")
_ZEROS = re.compile(r"(?<=\d)(\.\d*?)0+(?!\d)")
_JOIN = re.compile(r"""(["'])\s*\+?\s*\1""")
_WORD = re.compile(r"[^\W_]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_CODES = re.compile(r"\d{2,3}(?:[,;\s]+\d{2,3}){4,}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){3,}")
_SPACED = re.compile(r"(?<![^\W_])[\w.,](?:([ _\-])[\w.,])(?:\1[\w.,]){3,}(?![^\W_])")
_ALIKE = str.maketrans(
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0455\u0458\u0501\u051b\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abekmhopctyxisjdqaeikvoptux",
)
"""Small letters of other scripts that look like Latin ones."""
_HEX = re.compile(r"(?:\\x[0-9a-f]{2}|[0-9a-f]{2}){6,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AddedLine:
    """Hold one line a change adds; `number` counts from 1 in the new file, 0 stands for the file's name."""

    path: str
    number: int
    text: str


def plain(text: str) -> str:
    """Fold case, compatibility forms, look-alike letters and invisible characters away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if folded.isascii():
        return folded
    return "".join(c for c in folded if unicodedata.category(c) != "Cf").translate(_ALIKE)


def plain_numbers(text: str) -> str:
    """Write `48,213.50` as `48213.5`; expects plain text."""
    return _ZEROS.sub(r"\1", _THOUSANDS.sub("", text))


def words(text: str) -> list[str]:
    """Split plain text into runs of letters and digits."""
    return _WORD.findall(text)


def forms(line: str) -> list[str]:
    """List the plain forms of a line under which something copied could hide, the line itself first.

    Numbers with and without separators, string literals joined, encoded text decoded, read from its end.
    """
    first = plain(line)
    found = [first, plain_numbers(first), plain_numbers(_JOIN.sub("", first))]
    found += [plain_numbers(plain(hidden)) for hidden in (*_decoded(line), line[::-1])]
    return list(dict.fromkeys(found))


def _decoded(line: str) -> Iterator[str]:
    for match in _BASE64.finditer(line):
        raw = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        yield from _printable(base64.b64decode, raw[: len(raw) // 4 * 4 + (len(raw) % 4 if len(raw) % 4 > 1 else 0)])
    for match in _HEX.finditer(line):
        yield from _printable(binascii.unhexlify, match.group().replace("\\x", ""))
    for match in _CODES.finditer(line):
        yield "".join(chr(int(code)) for code in re.findall(r"\d+", match.group()))
    for match in _ESCAPES.finditer(line):
        yield "".join(chr(int(code, 16)) for code in match.group().split("\\u")[1:])
    for match in _SPACED.finditer(line):
        yield match.group().replace(match.group(1), "")


def _printable(decode: Callable[[str], bytes], raw: str) -> Iterator[str]:
    padding = "=" * (-len(raw) % 4) if decode is base64.b64decode else ""
    with contextlib.suppress(ValueError):
        text = decode(raw + padding).decode()
        if text.isprintable():
            yield text


def added_lines(parent: Mapping[str, bytes], child: Mapping[str, bytes]) -> list[AddedLine]:
    """List what `child` has and `parent` has not: new lines, and the names of new files.

    A line that stands anywhere in the parent is not new, wherever it was moved.
    """
    known = {line.strip() for content in parent.values() for line in _lines(content)} | {""}
    added: list[AddedLine] = []
    for path in sorted(child):
        if path not in parent:
            added.append(AddedLine(path, 0, path))
        if parent.get(path) != child[path]:
            numbered = enumerate(_lines(child[path]), start=1)
            added += [AddedLine(path, number, text) for number, text in numbered if text.strip() not in known]
    return added


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()
