from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from traces.wellformed import MOST_DEEP, well_formed

HALVES = st.sampled_from(["\ud800", "\udfff", "a\ud83d", "\U0001f600", "plain", "é"])
TEXTS = HALVES | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


@given(JSON)
def test_whatever_json_holds_can_be_encoded_and_read_again(value: Any) -> None:
    mended = well_formed(value)
    text = json.dumps(mended, ensure_ascii=False).encode().decode()
    assert json.loads(text) == mended == well_formed(mended)


def test_only_halves_of_pairs_are_replaced() -> None:
    said = {"a\ud83d": ["whole \U0001f600", "half \ude00.", 1, None, True]}
    assert well_formed(said) == {"a\ufffd": ["whole \U0001f600", "half \ufffd.", 1, None, True]}


def test_what_is_nested_too_deeply_is_left_out() -> None:
    def nested(deep: int) -> Any:
        return [nested(deep - 1)] if deep else "core"

    assert well_formed(nested(MOST_DEEP)) == nested(MOST_DEEP)
    assert "core" not in json.dumps(well_formed(nested(MOST_DEEP + 1)))
