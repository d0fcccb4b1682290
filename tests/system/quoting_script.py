"""The strategy of the broker's test: one order on each side, which rest until somebody takes them or the bot stops.

It is copied into the host's `scripts/`.
"""

import os
from decimal import Decimal

from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase

CONNECTOR = "tegro_localnet"
PAIR = "WETH-USDC"


class QuotingConfig(StrategyV2ConfigBase):
    """The strategy needs no settings of its own."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for the one pair."""
        return markets.add_or_update(CONNECTOR, PAIR)


class QuotingScript(StrategyV2Base):
    """Quotes once."""

    def __init__(self, connectors: dict[str, ConnectorBase], config: QuotingConfig) -> None:
        super().__init__(connectors, config)
        self._has_quoted = False

    def on_tick(self) -> None:
        """Place both orders at the first tick."""
        if not self._has_quoted:
            self._has_quoted = True
            self.buy(CONNECTOR, PAIR, Decimal("0.1"), OrderType.LIMIT, Decimal(2900))
            self.sell(CONNECTOR, PAIR, Decimal("0.1"), OrderType.LIMIT, Decimal(3100))
