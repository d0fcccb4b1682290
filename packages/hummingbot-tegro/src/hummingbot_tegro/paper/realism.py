"""How hard a paper exchange makes it for an order to fill: three presets, and each of their settings.

The file is `conf/tegro.toml`, as in `host_settings`; without the table the preset is `neutral`::

    [mainnet.paper]
    realism = "neutral"         # or "optimistic" or "strict"; what stands below replaces single settings of it
    order_latency_ms = 250      # until an order is in the book
    cancel_latency_ms = 250     # until a cancel has taken effect
    queue_ahead = "whole"       # of what rests at the price already, the "whole" is filled before us, or "nothing"
    cancels_ahead = "share"     # what others cancel at the price was before us: "none" of it, our "share", or "all"
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from hummingbot_tegro.host_settings import environment_name, settings_path
from tegro.errors import InvalidInput
from tegro.settings import Settings
from tegro.settings_file import listed, read_count, read_table

type QueueAhead = Literal["whole", "nothing"]
type CancelsAhead = Literal["none", "share", "all"]


class Realism(Struct, frozen=True, kw_only=True):
    """The settings of a paper exchange."""

    order_latency_ms: int
    """Time from the bot's order until it is in the book."""
    cancel_latency_ms: int
    """Time from the bot's cancel until the order is out of the book; it can still fill meanwhile."""
    queue_ahead: QueueAhead
    """What rests at the price when the order arrives: the whole of it is filled before us, or nothing."""
    cancels_ahead: CancelsAhead
    """What part of the others' cancels at the price was before us. The share is that of the queue before us."""


PRESETS: Final[Mapping[str, Realism]] = MappingProxyType(
    {
        "optimistic": Realism(order_latency_ms=0, cancel_latency_ms=0, queue_ahead="nothing", cancels_ahead="all"),
        "neutral": Realism(order_latency_ms=100, cancel_latency_ms=100, queue_ahead="whole", cancels_ahead="share"),
        "strict": Realism(order_latency_ms=500, cancel_latency_ms=500, queue_ahead="whole", cancels_ahead="none"),
    }
)
"""By the name that `realism` takes. Real fills lie between those of the first and the last."""

DEFAULT_PRESET: Final = "neutral"


def realism_for(domain: str) -> Realism:
    """Return what the settings file says for the paper exchange of a domain such as `tegro`. The file is read again.

    Raises
    ------
    InvalidInput
        If there is no such domain, or the settings file has a mistake.
    """
    environment = Settings.load(settings_path()).environment(environment_name(domain))
    return read_realism(environment.paper, f"{settings_path()}: [{environment.name}.paper]")


def read_realism(table: Mapping[str, object], where: str) -> Realism:
    """Return the settings that a table means.

    Parameters
    ----------
    table
        The table; empty means the default preset.
    where
        Words for its place, for messages.

    Raises
    ------
    InvalidInput
        If a key or a value is not known.
    """
    members = read_table(table, where, ("realism", *Realism.__struct_fields__))
    name = members.get("realism", DEFAULT_PRESET)
    if name not in PRESETS:
        raise InvalidInput(f"{where} realism must be one of {listed(PRESETS)}, was {name!r}")
    changed = {key: _READERS[key](members[key], f"{where} {key}") for key in _READERS if key in members}
    return replace(PRESETS[str(name)], **changed)


def _one_of(*choices: str) -> Any:  # noqa: ANN401  a reader like `read_count`
    def read(raw: object, where: str) -> object:
        if raw in choices:
            return raw
        raise InvalidInput(f"{where} must be one of {listed(choices)}, was {raw!r}")

    return read


_READERS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "order_latency_ms": read_count,
        "cancel_latency_ms": read_count,
        "queue_ahead": _one_of("whole", "nothing"),
        "cancels_ahead": _one_of("none", "share", "all"),
    }
)
