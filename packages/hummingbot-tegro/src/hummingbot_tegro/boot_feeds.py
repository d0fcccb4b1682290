"""The steps of `boot` that register candle feeds and rate sources in Hummingbot's fixed lists.

Each takes the Hummingbot module that was just imported, and raises `HookFailed` if that is not as the step needs it.
What Hummingbot has of our name already stays.
"""

from collections.abc import Callable
from functools import reduce
from operator import or_
from types import ModuleType
from typing import Any

from hummingbot_tegro.boot import HookFailed
from hummingbot_tegro.host_settings import DOMAINS


def add_feeds(module: ModuleType) -> None:
    """Register what belongs into one of the modules in `STEPS`."""
    STEPS[module.__name__](module)


def _add_candles(module: ModuleType) -> None:
    feeds = _part(_part(module, "CandlesFactory"), "_candles_map")
    from hummingbot_tegro.candles import FEEDS
    from hummingbot_tegro.candles.perpetual_feed import PERPETUAL_FEEDS

    _add_missing(feeds, FEEDS)
    _add_missing(feeds, PERPETUAL_FEEDS)


def _add_rate_sources(module: ModuleType) -> None:
    sources = _part(module, "RATE_ORACLE_SOURCES")
    from hummingbot_tegro.rate_source import RATE_SOURCES

    _add_missing(sources, RATE_SOURCES)


def _add_rate_source_modes(module: ModuleType) -> None:
    """Let the setting `rate_oracle_source` take our names. It is a pydantic field with a type for each source."""
    modes = _part(module, "RATE_SOURCE_MODES")
    sources = _part(module, "RATE_ORACLE_SOURCES")
    base = _part(module, "ExchangeRateSourceModeBase")
    settings = _part(module, "ClientConfigMap")
    field = _part(settings, "model_fields").get("rate_oracle_source")
    if field is None:
        raise HookFailed("ClientConfigMap has no field 'rate_oracle_source'")
    _add_missing(modes, {name: _mode(base, name) for name in DOMAINS if name in sources})
    field.annotation = reduce(or_, modes.values())
    field.description = f"A source for rate oracle, currently {', '.join(modes)}"
    settings.model_rebuild(force=True)


def _mode(base: Any, source: str) -> Any:  # noqa: ANN401  (Hummingbot's classes are untyped)
    from pydantic import ConfigDict, Field

    class TegroRateSourceMode(base):
        name: str = Field(default=source)
        model_config = ConfigDict(title=source)

    return TegroRateSourceMode


def _add_missing(target: dict[str, Any], ours: dict[str, Any]) -> None:
    target.update({name: value for name, value in ours.items() if name not in target})


def _part(owner: Any, name: str) -> Any:  # noqa: ANN401
    try:
        return getattr(owner, name)
    except AttributeError:
        raise HookFailed(f"{owner.__name__} has no {name!r}") from None


STEPS: dict[str, Callable[[ModuleType], None]] = {
    "hummingbot.data_feed.candles_feed.candles_factory": _add_candles,
    "hummingbot.core.rate_oracle.rate_oracle": _add_rate_sources,
    "hummingbot.client.config.client_config_map": _add_rate_source_modes,
}
"""Module of Hummingbot, and what is registered in it."""
