"""Reads the price file into prices."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from task_agent.harness.yaml_source import YamlSource, read_yaml, sourced
from task_agent.models._rates import Price, Rates
from traces.errors import ConfigError, NotFoundError, Place


class _RatesModel(BaseModel):
    """Read one set of rates, USD per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    """Tokens neither read from the cache nor written to it."""
    output: float = Field(ge=0)
    """Tokens the model wrote, thinking included."""
    cache_read: float | None = Field(default=None, ge=0)
    """Tokens served from the cache; absent = not known, so a request that reads the cache is unpriced."""
    cache_write_5m: float | None = Field(default=None, ge=0)
    """Tokens stored for 5 minutes; absent = 1.25 x input."""
    cache_write_1h: float | None = Field(default=None, ge=0)
    """Tokens stored for an hour; absent = 2 x input."""


class _BandModel(_RatesModel):
    """Read the rates of long prompts."""

    above_prompt_tokens: int = Field(gt=0)
    """Prompts longer than this, cached tokens included, pay these rates on every token of the request."""


class _EntryModel(_RatesModel):
    """Read what one model costs from one day on."""

    since: date
    """First day (UTC) the rates hold."""
    source: str
    """Where the numbers were read."""
    nominal: bool = False
    """The numbers are made up so that budgets can be exercised; nobody is billed."""
    bands: tuple[_BandModel, ...] = ()


class _FileModel(BaseModel):
    """Read the whole price file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checked: date
    """Day on which a person last compared the file with its sources."""
    models: dict[str, tuple[_EntryModel, ...]]


class PriceFile(NamedTuple):
    """Hold what a price file says: when it was last checked, and each model's prices, newest first."""

    checked: date
    prices: dict[str, tuple[Price, ...]]


def read_prices(path: Path) -> PriceFile:
    """Read a price file.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: The file is not YAML of the right shape.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError("price file", str(path), hint="name one with `prices:` in the run file") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", place=Place(path)) from None
    file = _checked(read_yaml(content, path))
    by_age = {
        model: tuple(sorted((_price(entry) for entry in entries), key=lambda price: price.since, reverse=True))
        for model, entries in file.models.items()
    }
    return PriceFile(file.checked, by_age)


def _checked(source: YamlSource) -> _FileModel:
    try:
        return _FileModel.model_validate(source.data)
    except ValidationError as error:
        first, *more = sourced(error, _FileModel, source)
        first.more = tuple(more)
        raise first from None


def _price(entry: _EntryModel) -> Price:
    bands = sorted(((band.above_prompt_tokens, _rates(band)) for band in entry.bands), key=lambda b: b[0], reverse=True)
    return Price(entry.since, _rates(entry), tuple(bands), entry.source, entry.nominal)


def _rates(model: _RatesModel) -> Rates:
    short, long = model.cache_write_5m, model.cache_write_1h
    return Rates(
        input=model.input,
        output=model.output,
        cache_read=model.cache_read,
        cache_write_5m=1.25 * model.input if short is None else short,
        cache_write_1h=2.0 * model.input if long is None else long,
    )
