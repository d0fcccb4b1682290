"""The steps of `boot` that put our paper exchanges into Hummingbot, for our names only.

Each takes the Hummingbot module that was just imported, and raises `HookFailed` if that is not as the step needs it.
The paper exchanges of other connectors stay Hummingbot's own.
"""

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hummingbot_tegro.boot import HookFailed
from hummingbot_tegro.paper.naming import DOMAINS, PAPER_NAMES


def add_paper(module: ModuleType) -> None:
    """Put what belongs into one of the modules in `STEPS`."""
    STEPS[module.__name__](module)


def _make_ours(module: ModuleType) -> None:
    """Let `create_paper_trade_market` make our exchange for our domains."""
    stock = _part(module, "create_paper_trade_market")

    @functools.wraps(stock)
    def create_paper_trade_market(exchange_name: str, trading_pairs: list[str]) -> Any:  # noqa: ANN401
        if exchange_name not in DOMAINS:
            return stock(exchange_name, trading_pairs)
        from hummingbot_tegro.paper.exchange import TegroPaperTradeExchange
        from hummingbot_tegro.paper.registration import register_candles, register_paper

        register_paper(exchange_name)
        register_candles(exchange_name)
        return TegroPaperTradeExchange(trading_pairs=trading_pairs, domain=exchange_name)

    module.create_paper_trade_market = create_paper_trade_market  # type: ignore[attr-defined]
    # Who imported it before the plug-in came holds the stock one.
    for name in _HOLDERS:
        holder = sys.modules.get(name)
        if getattr(holder, "create_paper_trade_market", None) is stock:
            holder.create_paper_trade_market = create_paper_trade_market  # type: ignore[union-attr]


def _register_ours(module: ModuleType) -> None:
    """Let the settings of our paper exchanges name our class and no keys."""
    settings = _part(module, "AllConnectorSettings")
    stock = _part(settings, "initialize_paper_trade_settings")

    def initialize_paper_trade_settings(paper_trade_exchanges: list[str]) -> None:
        stock(paper_trade_exchanges)
        for domain in DOMAINS:
            if domain in paper_trade_exchanges:
                from hummingbot_tegro.paper.registration import register_paper

                register_paper(domain)

    settings.initialize_paper_trade_settings = staticmethod(initialize_paper_trade_settings)
    # What was set before the plug-in came.
    initialize_paper_trade_settings(settings.paper_trade_connectors_names)


def _connect_ours(module: ModuleType) -> None:
    """Let `connect` take our paper exchanges, which have no keys."""
    choices: set[str] = _part(module, "OPTIONS")
    command = _part(module, "ConnectCommand")
    stock: Callable[..., Any] = _part(command, "connect_exchange")
    choices.update(PAPER_NAMES)

    @functools.wraps(stock)
    async def connect_exchange(self: Any, connector_name: str) -> None:  # noqa: ANN401
        if connector_name not in PAPER_NAMES:
            await stock(self, connector_name)
            return
        from hummingbot_tegro.paper.connecting import connect_paper

        await connect_paper(self, PAPER_NAMES[connector_name])

    command.connect_exchange = connect_exchange


def _connect_ours_at_command_line(module: ModuleType) -> None:
    """Let `connect` of Hummingbot's command line take them too."""
    stock: Callable[..., Any] = _part(module, "connect")

    # Its parameters are read from the stock function, which `wraps` leads to.
    @functools.wraps(stock)
    def connect(**answers: Any) -> None:  # noqa: ANN401
        if answers.get("connector") not in PAPER_NAMES:
            stock(**answers)
            return
        from hummingbot_tegro.paper.connecting import connect_paper_at_command_line

        connect_paper_at_command_line(PAPER_NAMES[answers["connector"]])

    module.connect = connect  # type: ignore[attr-defined]


def _part(owner: Any, name: str) -> Any:  # noqa: ANN401
    try:
        return getattr(owner, name)
    except AttributeError:
        raise HookFailed(f"{owner.__name__} has no {name!r}") from None


_HOLDERS = (
    "hummingbot.core.connector_manager",
    "hummingbot.strategy.pure_market_making.start",
    "hummingbot.strategy.perpetual_market_making.start",
)

STEPS: dict[str, Callable[[ModuleType], None]] = {
    "hummingbot.connector.exchange.paper_trade": _make_ours,
    "hummingbot.client.settings": _register_ours,
    "hummingbot.client.command.connect_command": _connect_ours,
    "hummingbot.cli.commands.connect": _connect_ours_at_command_line,
}
"""Module of Hummingbot, and what is put into it."""
