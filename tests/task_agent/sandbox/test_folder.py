from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from task_agent.sandbox import mark
from task_agent.sandbox._folder import AttemptFolder, leftovers


@pytest.fixture
def folder() -> Iterator[AttemptFolder]:
    own = AttemptFolder("/srv/work")
    yield own
    own.remove()


def test_the_folder_is_private(folder: AttemptFolder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "inside", ["/etc/passwd", "/srv", "/srv/workshop/x", "relative", "/srv/work/../x", "/tmp/../x"]
)
def test_only_the_attempts_own_places_have_a_host_path(folder: AttemptFolder, inside: str) -> None:
    with pytest.raises(ValueError, match="path"):
        folder.host(inside)


def test_a_file_in_the_way_of_a_folder_is_replaced_and_the_other_way_round(folder: AttemptFolder) -> None:
    folder.write("/srv/work", {"a": b"file", "b/c": b"nested"})
    folder.write("/srv/work", {"a/x": b"1", "b": b"2"})
    assert folder.read("/srv/work/a/x", 10) == b"1"
    assert folder.read("/srv/work/b", 10) == b"2"


def test_a_link_in_the_place_of_a_whole_folder_is_replaced(folder: AttemptFolder, tmp_path: Path) -> None:
    for name in ("work", "tests", "verifier"):
        (folder.path / name).symlink_to(tmp_path)
    folder.write("/srv/work", {"x": b"1"})
    folder.fresh("/tests")
    folder.fresh("/logs/verifier")
    folder.write("/tests", {"t": b"2"})
    assert list(tmp_path.iterdir()) == []


def test_logs_are_not_read_through_a_link(folder: AttemptFolder, tmp_path: Path) -> None:
    (tmp_path / "reward.txt").write_text("1")
    (folder.path / "verifier").symlink_to(tmp_path)
    assert folder.collect("/logs/verifier", 10) == {}


def test_endless_logs_are_cut(folder: AttemptFolder) -> None:
    folder.write("/logs/verifier", {f"{number:04}": b"" for number in range(300)})
    assert len(folder.collect("/logs/verifier", 10)) == 200


def test_a_folder_carries_its_runs_mark_and_no_other_run_finds_it() -> None:
    ours, theirs = mark.mark_of("run-a"), mark.mark_of("run-b")
    with mark.marked(ours):
        own = AttemptFolder("/srv/work")
    try:
        assert leftovers(ours) == [own.path]
        assert own.path not in leftovers(theirs) + leftovers("")
    finally:
        own.remove()


def test_folder_names_have_one_length_with_and_without_a_mark(folder: AttemptFolder) -> None:
    with mark.marked(mark.mark_of("run-a")):
        own = AttemptFolder("/srv/work")
    own.remove()
    assert len(own.path.name) == len(folder.path.name)


@pytest.fixture
def no_descriptor() -> Iterator[None]:
    """Leave this process no file that it could still open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, before[1]))
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for fd in taken:
        os.close(fd)


READS: Mapping[str, Callable[[AttemptFolder], object]] = {
    "a file": lambda folder: folder.read("/srv/work/reward.txt", 100),
    "a folder": lambda folder: folder.read_all("/srv/work", 100, 100),
    "logs": lambda folder: folder.collect("/logs/verifier", 100),
}


@pytest.mark.parametrize("what", READS)
def test_what_cannot_be_read_for_want_of_descriptors_is_not_taken_for_missing(
    what: str, folder: AttemptFolder, request: pytest.FixtureRequest
) -> None:
    folder.write("/srv/work", {"reward.txt": b"1"})
    folder.write("/logs/verifier", {"reward.txt": b"1"})
    READS[what](folder)
    request.getfixturevalue("no_descriptor")
    with pytest.raises(OSError, match="Too many open files"):
        READS[what](folder)
