"""Read a YAML file a person or a meta-agent wrote, and point at the spot of whatever is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from task_agent.harness.errors import HarnessError
from task_agent.harness.faults import Fault, Loc, dotted, faults_in, nearest
from traces.errors import Place

__all__ = ["Loc", "YamlSource", "check_model", "dotted", "nearest", "read_yaml", "sourced"]

MAX_YAML_BYTES = 64_000
MAX_DEPTH = 40

_Model = TypeVar("_Model", bound=BaseModel)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class YamlSource:
    """Hold a parsed YAML document, and where each of its keys and values stands."""

    data: object
    path: Path
    keys: Mapping[Loc, Place]
    values: Mapping[Loc, Place]

    def place(self, loc: Sequence[str | int], *, of_key: bool = False) -> Place:
        """Find the spot of `loc`, or of the closest value around it."""
        marks = self.keys if of_key else self.values
        for end in range(len(loc), -1, -1):
            if place := marks.get(tuple(loc[:end])):
                return place
            marks = self.values
        return Place(self.path, 1, 1)


def read_yaml(content: bytes, path: Path, faults: list[HarnessError] | None = None) -> YamlSource:
    """Parse one YAML document without anchors, repeated keys or keys that are not text.

    Args:
        content: What the file holds.
        path: Where it lies, for places.
        faults: Takes up repeated keys and keys that are not text, and reading goes on; None stops at the first.

    Raises:
        HarnessError: It is not such a document; the error says where.
    """
    text = _decode(content, path)
    loader = None
    try:
        _check_events(text, path)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return YamlSource(None, path, {}, {})
        marks = _Marks(path)
        marks.collect(node, ())
        if faults is None and marks.faults:
            raise marks.faults[0]
        if faults is not None:
            faults += marks.faults
        return YamlSource(loader.construct_document(node), path, marks.keys, marks.values)
    except yaml.YAMLError as error:
        raise _from_yaml(error, path, text) from None
    except ValueError as error:  # such as a date with a 99th day
        raise HarnessError(f"a value cannot be read: {error}", place=Place(path)) from None
    finally:
        if loader is not None:
            loader.dispose()


def check_model(model: type[_Model], source: YamlSource, *, at: Loc = (), data: object = None) -> _Model:
    """Validate `source` (or the part `data` that stands at `at`) as `model`.

    Raises:
        HarnessError: The first thing wrong, with its place, its dotted key, and the nearest valid key.
    """
    value = source.data if data is None and not at else data
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        raise sourced(error, model, source, at)[0] from None


def sourced(error: ValidationError, model: type[BaseModel], source: YamlSource, at: Loc = ()) -> list[HarnessError]:
    """Give everything a validation found wrong in `source`, each at its place; unknown keys come first."""
    return [_placed(fault, source) for fault in faults_in(error, model, at)]


def _placed(fault: Fault, source: YamlSource) -> HarnessError:
    place = source.place(fault.loc, of_key=fault.unknown)
    return HarnessError(fault.message, place=place, key=dotted(fault.loc), hint=fault.hint, allowed=fault.allowed)


def _decode(content: bytes, path: Path) -> str:
    if len(content) > MAX_YAML_BYTES:
        raise HarnessError(f"{len(content):,} bytes; at most {MAX_YAML_BYTES:,} are read", place=Place(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HarnessError("not UTF-8 text", place=Place(path, line)) from None


def _check_events(text: str, path: Path) -> None:
    """Refuse anchors and deep nesting before anything recursive sees the document."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise HarnessError("anchors and aliases are not allowed", place=_place(event.start_mark, path))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise HarnessError(f"nested deeper than {MAX_DEPTH} levels", place=_place(event.start_mark, path))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Marks:
    """Note where every key and value of a document stands, and which keys cannot be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.keys: dict[Loc, Place] = {}
        self.values: dict[Loc, Place] = {}
        self.faults: list[HarnessError] = []

    def collect(self, node: yaml.Node, loc: Loc) -> None:
        """Walk down from `node`, which stands at `loc`."""
        self.values[loc] = _place(node.start_mark, self._path)
        for part, key_node, child in self._children(node):
            here = (*loc, part)
            if key_node is not None:
                place = _place(key_node.start_mark, self._path)
                if first := self.keys.get(here):
                    text = f"`{dotted(here)}` is given twice"
                    hint = f"keep one of them; the first stands in line {first.line}"
                    self.faults.append(HarnessError(text, place=place, key=dotted(here), hint=hint))
                    continue
                self.keys[here] = place
            self.collect(child, here)

    def _children(self, node: yaml.Node) -> Iterator[tuple[str | int, yaml.Node | None, yaml.Node]]:
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                yield index, None, child
        elif isinstance(node, yaml.MappingNode):
            for key, child in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag == "tag:yaml.org,2002:str":
                    yield key.value, key, child
                    continue
                place = _place(key.start_mark, self._path)
                self.faults.append(HarnessError("a key must be text; put it in quotes", place=place))


def _place(mark: Any, path: Path) -> Place:  # Any: the two parsers have a mark class each
    return Place(path, mark.line + 1, mark.column + 1)


def _from_yaml(error: yaml.YAMLError, path: Path, text: str) -> HarnessError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        hint = ""
        if "\t" in text and "\\t" in str(error.problem):
            hint = "indent with spaces; YAML allows no tabs there"
        return HarnessError(f"not valid YAML: {error.problem}", place=_place(error.problem_mark, path), hint=hint)
    spot = getattr(error, "position", None)
    line = text.count("\n", 0, spot) + 1 if isinstance(spot, int) else None
    return HarnessError(f"not valid YAML: {str(error).splitlines()[0]}", place=Place(path, line))
