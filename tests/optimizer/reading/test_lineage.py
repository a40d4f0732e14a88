from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from optimizer.facts import Coverage
from optimizer.reading.lineage import PLAIN, Node, branches, champion_path, walk


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str | None]:
    """Draw candidates each of which comes from an earlier one, or from one that is not there."""
    names = [f"c{at:03d}" for at in range(draw(st.integers(1, 40)))]
    parents: dict[str, str | None] = {}
    for at, name in enumerate(names):
        known = st.sampled_from(names[:at]) if at else st.none()
        parents[name] = draw(known if at == 0 else st.one_of(known, known, known, st.just("c999"), st.just(name)))
    return parents


def _nodes(parents: dict[str, str | None], champion: str) -> list[Node]:
    path = champion_path(parents, champion)
    return [
        Node(name, parents[name], depth, "title", "keep", None, None, Coverage(0, 0), name in path, name == champion)
        for name, depth in walk(parents, path)
    ]


@given(trees(), st.data())
def test_the_tree_holds_every_candidate_once_after_its_parent(
    parents: dict[str, str | None], data: st.DataObject
) -> None:
    nodes = _nodes(parents, data.draw(st.sampled_from(sorted(parents))))
    assert sorted(node.id for node in nodes) == sorted(parents)
    depth = {node.id: node.depth for node in nodes}
    seen: set[str] = set()
    for node in nodes:
        if node.parent in parents and node.parent != node.id:
            assert node.parent in seen
            assert node.depth == depth[node.parent] + 1
        else:
            assert node.depth == 0
        seen.add(node.id)


@given(trees(), st.data())
def test_the_champions_path_is_the_trunk_and_nothing_else_stands_there(
    parents: dict[str, str | None], data: st.DataObject
) -> None:
    nodes = _nodes(parents, data.draw(st.sampled_from(sorted(parents))))
    drawn = branches(nodes)
    assert len(drawn) == len(nodes)
    trunk = [node for node, branch in zip(nodes, drawn, strict=True) if branch.first == "● "]
    assert trunk == [node for node in nodes if node.on_path]
    assert [node.champion for node in trunk] == [False] * (len(trunk) - 1) + [True]
    assert all("○" in branch.first for node, branch in zip(nodes, drawn, strict=True) if not node.on_path)


def test_a_tree_reads_like_this() -> None:
    parents = {"c000": None, "c001": "c000", "c002": "c000", "c003": "c002", "c004": "c001", "c005": "c003"}
    nodes = _nodes({**parents, "c006": "c004", "c007": "c004"}, "c004")
    drawn = [f"{branch.first}{node.id}" for node, branch in zip(nodes, branches(nodes), strict=True)]
    assert drawn == ["● c000", "├─○ c002", "│ └─○ c003", "│   └─○ c005", "● c001", "● c004", "├─○ c006", "└─○ c007"]
    plain = [branch.first for branch in branches(nodes, PLAIN)]
    assert plain == ["* ", "|-o ", "| `-o ", "|   `-o ", "* ", "* ", "|-o ", "`-o "]
    assert [branch.rest for branch in branches(nodes)][:3] == ["│ ", "│ │ ", "│   │ "]


def test_a_champion_that_is_unknown_or_its_own_parent_ends_the_path() -> None:
    assert champion_path({"c000": None}, "c009") == frozenset()
    assert champion_path({"c000": "c001", "c001": "c000"}, "c001") == {"c000", "c001"}
