"""A tar that an agent packed is taken apart without letting anything out of its place."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.entry import Entry, TooLargeError, from_tar, to_tar

NAMES = st.lists(st.text("ab.", min_size=1, max_size=3).filter(lambda part: part.strip(".")), min_size=1, max_size=3)
FILES = st.builds(Entry, st.binary(max_size=9), st.integers(0, 0o7777))


@given(st.dictionaries(NAMES.map("/".join), FILES, max_size=5))
def test_what_is_packed_comes_back(entries: dict[str, Entry]) -> None:
    assert from_tar(to_tar(entries), 1_000) == entries


def _tar(*members: tuple[str, bytes, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            tar.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("/etc/passwd", tarfile.REGTYPE, ""),
        ("../up", tarfile.REGTYPE, ""),
        ("a/../../up", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc"),
        ("link", tarfile.SYMTYPE, ".."),
        ("a/link", tarfile.SYMTYPE, "../../up"),
        ("a/link", tarfile.SYMTYPE, "b/../../../up"),
        ("twin", tarfile.LNKTYPE, "/etc/passwd"),
        ("device", tarfile.CHRTYPE, ""),
        ("pipe", tarfile.FIFOTYPE, ""),
        ("inner/file", tarfile.REGTYPE, ""),
    ],
)
def test_what_leads_out_or_is_no_file_is_left_out(name: str, kind: bytes, link: str) -> None:
    inner = ("inner", tarfile.SYMTYPE, "good")
    assert set(from_tar(_tar(("good", tarfile.DIRTYPE, ""), inner, (name, kind, link)), 9)) == {"good", "inner"}


def test_links_inside_stay_and_a_hard_link_is_its_file() -> None:
    members = [("a", tarfile.REGTYPE, ""), ("b/c", tarfile.SYMTYPE, "../a"), ("d", tarfile.LNKTYPE, "./a")]
    found = from_tar(_tar(*members), 9)
    assert (found["b/c"].data, found["d"]) == (b"../a", found["a"])


def test_more_bytes_than_allowed_are_an_error_hard_links_and_all() -> None:
    buffer = io.BytesIO(to_tar({"a": Entry(b"12345")}))
    with tarfile.open(fileobj=buffer, mode="a") as tar:
        info = tarfile.TarInfo("b")
        info.type, info.linkname = tarfile.LNKTYPE, "a"
        tar.addfile(info)
    assert len(from_tar(buffer.getvalue(), 10)) == 2
    with pytest.raises(TooLargeError):
        from_tar(buffer.getvalue(), 9)
