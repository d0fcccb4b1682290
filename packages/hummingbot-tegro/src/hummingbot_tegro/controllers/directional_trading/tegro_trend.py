"""Follow a trend: buy when a fast moving average of the closes is above a slow one, sell when it is below.

Each signal opens one position executor; Hummingbot's triple barrier closes it: take profit, stop loss, time limit.
"""

from decimal import Decimal
from typing import Any, Self

from hummingbot.core.data_type.common import OrderType, PositionMode, TradeType
from hummingbot.data_feed.candles_feed.data_types import CandlesConfig
from hummingbot.strategy_v2.controllers.directional_trading_controller_base import (
    DirectionalTradingControllerBase,
    DirectionalTradingControllerConfigBase,
)
from pydantic import Field, model_validator

_UPDATABLE: dict[str, Any] = {"is_updatable": True}
_CANDLES_PER_SPAN = 2
"""Candles read for each candle of the slow average: older ones hardly count in an exponential average."""


class TegroTrendConfig(DirectionalTradingControllerConfigBase):
    """Settings. Profit, loss and threshold are fractions: 0.001 is 10 basis points. Times are seconds."""

    controller_name: str = "tegro_trend"
    connector_name: str = "tegro_localnet"
    trading_pair: str = "WETH-USDC"
    total_amount_quote: Decimal = Field(default=Decimal(100), gt=0, json_schema_extra=_UPDATABLE)
    candles_connector: str = "tegro_localnet"
    """Whose candles are read. It may be another exchange."""
    candles_trading_pair: str = "WETH-USDC"
    interval: str = "1m"
    fast_span: int = Field(default=8, gt=0)
    """Candles of the fast average."""
    slow_span: int = Field(default=21, gt=0)
    threshold: Decimal = Field(default=Decimal("0.0005"), ge=0, json_schema_extra=_UPDATABLE)
    """How far apart the averages must be."""
    is_long_only: bool = Field(default=True, json_schema_extra=_UPDATABLE)
    """Do nothing on a falling trend. False sells base that the wallet holds, and buys it back."""
    max_executors_per_side: int = Field(default=1, gt=0, json_schema_extra=_UPDATABLE)
    cooldown_time: int = Field(default=60, gt=0, json_schema_extra=_UPDATABLE)
    take_profit: Decimal | None = Field(default=Decimal("0.01"), gt=0, json_schema_extra=_UPDATABLE)
    stop_loss: Decimal | None = Field(default=Decimal("0.01"), gt=0, json_schema_extra=_UPDATABLE)
    time_limit: int | None = Field(default=1800, gt=0, json_schema_extra=_UPDATABLE)
    take_profit_order_type: OrderType = OrderType.LIMIT
    leverage: int = 1
    position_mode: PositionMode = PositionMode.ONEWAY

    @model_validator(mode="after")
    def check_spans(self) -> Self:
        """Refuse averages in the wrong order."""
        if self.fast_span >= self.slow_span:
            raise ValueError(f"fast_span must be below slow_span, were {self.fast_span} and {self.slow_span}")
        return self

    @property
    def candles(self) -> CandlesConfig:
        """The candles that are read."""
        return CandlesConfig(
            connector=self.candles_connector,
            trading_pair=self.candles_trading_pair,
            interval=self.interval,
            max_records=_CANDLES_PER_SPAN * self.slow_span,
        )


class TegroTrend(DirectionalTradingControllerBase):
    """Carries out the strategy of this module."""

    def get_candles_config(self) -> list[CandlesConfig]:
        """Ask Hummingbot to keep the candles; nothing is traded until they are all there."""
        return [self.config.candles]

    async def update_processed_data(self) -> None:
        """Compute the signal: 1 to buy, -1 to sell, 0 for nothing."""
        candles = self.config.candles
        rows = self.market_data_provider.get_candles_df(
            candles.connector, candles.trading_pair, candles.interval, candles.max_records
        )[["timestamp", "close"]]
        features = rows.assign(
            fast=rows["close"].ewm(span=self.config.fast_span).mean(),
            slow=rows["close"].ewm(span=self.config.slow_span).mean(),
        )
        self.processed_data = {"signal": self._signal(features), "features": features}

    def can_create_executor(self, signal: int) -> bool:
        """Tell whether a position may be opened: few are open on its side, and the last one was long ago.

        Hummingbot's own rule counts every open position for a sell.
        """
        side = TradeType.BUY if signal > 0 else TradeType.SELL
        own_side = [info for info in self.executors_info if info.side is side]
        is_room = sum(info.is_active for info in own_side) < self.config.max_executors_per_side
        newest = max((info.timestamp for info in own_side), default=0)
        return is_room and bool(self.market_data_provider.time() - newest > self.config.cooldown_time)

    def _signal(self, features: Any) -> int:  # noqa: ANN401  a data frame
        if features.empty:
            return 0
        last = features.iloc[-1]
        distance = Decimal(str(last["fast"] / last["slow"] - 1))
        if distance > self.config.threshold:
            return 1
        return -1 if distance < -self.config.threshold and not self.config.is_long_only else 0
