"""The strategy of the perpetual test: in hedge mode it quotes once on both sides, and keeps what it gets.

It is copied into the host's `scripts/`.
"""

import os
from decimal import Decimal
from typing import Final

from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType, PositionAction, PositionMode
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase

CONNECTOR: Final = "tegro_perpetual_testnet"
PAIR: Final = "ETH-USDT"
LEVERAGE: Final = 20


class BotConfig(StrategyV2ConfigBase):
    """The strategy needs no settings of its own."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)
    done_file: str = ""

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for the pair."""
        return markets.add_or_update(CONNECTOR, PAIR)


class PerpetualQuotingScript(StrategyV2Base):
    """Quotes 2 ETH to buy and 1 ETH to sell, each opening a position of its own."""

    def __init__(self, connectors: dict[str, ConnectorBase], config: BotConfig) -> None:
        super().__init__(connectors, config)
        self._is_prepared = self._has_quoted = False

    def on_tick(self) -> None:
        """Prepare the account, then quote."""
        connector = self.connectors[CONNECTOR]
        if not self._is_prepared:
            connector.set_position_mode(PositionMode.HEDGE)
            connector.set_leverage(PAIR, LEVERAGE)
            self._is_prepared = True
        elif not self._has_quoted and connector.position_mode is PositionMode.HEDGE:
            self._has_quoted = connector.get_leverage(PAIR) == LEVERAGE
            if self._has_quoted:
                opens = PositionAction.OPEN
                self.buy(CONNECTOR, PAIR, Decimal(2), OrderType.LIMIT_MAKER, Decimal(1990), opens)
                self.sell(CONNECTOR, PAIR, Decimal(1), OrderType.LIMIT_MAKER, Decimal(2010), opens)
