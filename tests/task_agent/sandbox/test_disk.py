"""What counts when an attempt's files are looked at."""

from __future__ import annotations

import os
from pathlib import Path

from task_agent.sandbox._disk import is_over, occupied


def test_files_below_all_folders_count_together(tmp_path: Path) -> None:
    for name in ("a", "b/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(bytes(100_000))
    taken = 2 * occupied(100_000) + sum(path.stat().st_blocks * 512 for path in (tmp_path / "b/c",))
    assert not is_over([tmp_path / "a", tmp_path / "b"], taken)
    assert is_over([tmp_path / "a", tmp_path / "b"], 2 * occupied(100_000) - 1)
    assert not is_over([tmp_path / "a"], occupied(100_000))


def test_a_file_counts_once_and_by_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100_000))
    for number in range(20):
        os.link(tmp_path / "file", tmp_path / f"link{number}")
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(10**12)
    assert not is_over([tmp_path], occupied(100_000))


def test_links_lead_nowhere_and_what_is_not_there_takes_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/usr")
    (tmp_path / "itself").symlink_to(tmp_path)
    assert not is_over([tmp_path, tmp_path / "none", tmp_path / "out"], 100_000)


def test_what_nests_too_deep_to_be_counted_is_over(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    assert is_over([tmp_path], 10**12)


def test_many_small_files_count_by_what_they_take(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / str(number)).write_bytes(b"x")
    assert is_over([tmp_path], 300 * occupied(1) - 1)
