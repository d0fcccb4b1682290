"""A market maker in hedge mode, as Hummingbot's own `pmm_simple`: each level is a position executor.

Hummingbot's package ships the base of its market makers, and no controller. This is copied into `controllers/`.
"""

from decimal import Decimal

from hummingbot.strategy_v2.controllers.market_making_controller_base import (
    MarketMakingControllerBase,
    MarketMakingControllerConfigBase,
)
from hummingbot.strategy_v2.executors.position_executor.data_types import PositionExecutorConfig


class PerpetualMakerConfig(MarketMakingControllerConfigBase):
    """All settings are the base's."""

    controller_name: str = "perpetual_maker"


class PerpetualMaker(MarketMakingControllerBase):
    """Quotes each level with a position executor of its own."""

    def get_executor_config(self, level_id: str, price: Decimal, amount: Decimal) -> PositionExecutorConfig:
        """Return what opens a level's position, and closes it with a profit."""
        return PositionExecutorConfig(
            timestamp=self.market_data_provider.time(),
            level_id=level_id,
            connector_name=self.config.connector_name,
            trading_pair=self.config.trading_pair,
            entry_price=price,
            amount=amount,
            triple_barrier_config=self.config.triple_barrier_config,
            leverage=self.config.leverage,
            side=self.get_trade_type_from_level_id(level_id),
        )
