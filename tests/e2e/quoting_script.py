"""The strategy of the test that kills bots: it quotes both sides of three pairs, and renews its quotes all the time.

It is copied into the host's `scripts/`. The name of the host's home folder says how far from the middle it quotes.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Final

import hummingbot
from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase

CONNECTOR: Final = "tegro_localnet"
PRICES: Final = {"WETH-USDC": Decimal(3000), "WBTC-USDC": Decimal(95000), "TEGRO-USDC": Decimal("0.05")}
AMOUNTS: Final = {"WETH-USDC": Decimal("0.1"), "WBTC-USDC": Decimal("0.003"), "TEGRO-USDC": Decimal(5000)}
TICKS_PER_QUOTE: Final = 4


class BotConfig(StrategyV2ConfigBase):
    """The strategy needs no settings of its own."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)
    done_file: str = ""

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for all pairs."""
        for pair in PRICES:
            markets.add_or_update(CONNECTOR, pair)
        return markets


class QuotingScript(StrategyV2Base):
    """Quotes, cancels, and quotes again."""

    def __init__(self, connectors: dict[str, ConnectorBase], config: BotConfig) -> None:
        super().__init__(connectors, config)
        self._ticks = 0
        self._distance = Decimal("0.01") if Path(hummingbot.root_path()).name == "near" else Decimal("0.02")

    def on_tick(self) -> None:
        """Renew the quotes every few ticks."""
        self._ticks += 1
        active = self.get_active_orders(CONNECTOR)
        if self._ticks % TICKS_PER_QUOTE == 0:
            for order in active:
                self.cancel(CONNECTOR, order.trading_pair, order.client_order_id)
        elif not active:
            for pair, price in PRICES.items():
                amount, distance = AMOUNTS[pair], price * self._distance
                self.buy(CONNECTOR, pair, amount, OrderType.LIMIT, price - distance)
                self.sell(CONNECTOR, pair, amount, OrderType.LIMIT_MAKER, price + distance)
