from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from optimizer.reading.blame import BlamedLine, blame
from task_agent.harness import HarnessBundle

_TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=12).map("\n".join), min_size=1, max_size=6
)


def _chain(texts: list[str]) -> list[tuple[str, HarnessBundle]]:
    return [(f"c{at:03d}", HarnessBundle({"prompts/a.md": text.encode()})) for at, text in enumerate(texts)]


@given(_TEXTS)
def test_every_line_of_the_last_harness_comes_from_a_candidate_that_had_it(texts: list[str]) -> None:
    chain = _chain(texts)
    found = blame(chain)["prompts/a.md"]
    assert [line.text for line in found] == _lines(texts[-1])
    held = {name: _lines(text) for (name, _), text in zip(chain, texts, strict=True)}
    assert all(line.text in held[line.candidate] for line in found)


@given(_TEXTS)
def test_a_candidate_that_changes_nothing_is_to_blame_for_nothing(texts: list[str]) -> None:
    assert blame(_chain(texts)) == blame(_chain([*texts, texts[-1]]))


def test_lines_keep_their_origin_through_edits_around_them() -> None:
    found = blame(_chain(["one\ntwo\nthree\n", "zero\none\ntwo\nthree\n", "zero\none\n2\nthree\nfour"]))
    assert found["prompts/a.md"] == [
        BlamedLine("c001", "zero"),
        BlamedLine("c000", "one"),
        BlamedLine("c002", "2"),
        BlamedLine("c000", "three"),
        BlamedLine("c002", "four"),
    ]


def test_files_that_are_no_text_are_one_line_and_removed_files_are_gone() -> None:
    first = HarnessBundle({"tools/t/run": b"\xff", "README.md": b"x\n"})
    second = HarnessBundle({"tools/t/run": b"\xfe\xff"})
    assert blame([("c000", first), ("c001", second)]) == {"tools/t/run": [BlamedLine("c001", "")]}


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines
