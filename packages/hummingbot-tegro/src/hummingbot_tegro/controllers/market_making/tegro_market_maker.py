"""Quote both sides of a pair with limit-maker orders, leaning against the inventory.

Each level is one order executor. A quote is renewed when it is old; what was filled is kept as a position. The price
that the spreads are measured from is the middle of the book, moved down when the wallet holds more base than it should
and up when it holds less.
"""

from decimal import Decimal
from typing import Any, ClassVar

from hummingbot.core.data_type.common import PositionMode, PriceType, TradeType
from hummingbot.strategy_v2.controllers.market_making_controller_base import (
    MarketMakingControllerBase,
    MarketMakingControllerConfigBase,
)
from hummingbot.strategy_v2.executors.order_executor.data_types import ExecutionStrategy, OrderExecutorConfig
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executor_actions import ExecutorAction, StopExecutorAction
from hummingbot.strategy_v2.models.executors import CloseType
from hummingbot.strategy_v2.models.executors_info import ExecutorInfo
from pydantic import Field

_UPDATABLE: dict[str, Any] = {"is_updatable": True}


class TegroMarketMakerConfig(MarketMakingControllerConfigBase):
    """Settings. Spreads, shares and skew are fractions: 0.001 is 10 basis points. Times are seconds."""

    controller_name: str = "tegro_market_maker"
    connector_name: str = "tegro_localnet"
    trading_pair: str = "WETH-USDC"
    total_amount_quote: Decimal = Field(default=Decimal(200), gt=0, json_schema_extra=_UPDATABLE)
    """Value of all quotes together."""
    buy_spreads: list[float] = Field(default_factory=lambda: [0.001, 0.002], json_schema_extra=_UPDATABLE)
    sell_spreads: list[float] = Field(default_factory=lambda: [0.001, 0.002], json_schema_extra=_UPDATABLE)
    # Without a value Hummingbot divides the total equally, but only when its check runs on the default too.
    buy_amounts_pct: list[Decimal] | None = Field(default=None, validate_default=True, json_schema_extra=_UPDATABLE)
    sell_amounts_pct: list[Decimal] | None = Field(default=None, validate_default=True, json_schema_extra=_UPDATABLE)
    executor_refresh_time: int = Field(default=20, gt=0, json_schema_extra=_UPDATABLE)
    """Age at which a quote is renewed."""
    cooldown_time: int = Field(default=5, ge=0, json_schema_extra=_UPDATABLE)
    """How long a level stays empty after it was filled."""
    target_base_share: Decimal = Field(default=Decimal("0.5"), ge=0, le=1, json_schema_extra=_UPDATABLE)
    """Share of the wallet's value in this pair that should be base."""
    inventory_skew: Decimal = Field(default=Decimal("0.002"), ge=0, lt=1, json_schema_extra=_UPDATABLE)
    """How far the quotes move when the share is off by all of it."""
    leverage: int = 1
    position_mode: PositionMode = PositionMode.ONEWAY
    skip_rebalance: bool = True
    """False lets Hummingbot buy the base for the sell quotes at the start, whatever the wallet already holds."""


class TegroMarketMaker(MarketMakingControllerBase):
    """Carries out the strategy of this module."""

    _STOPPABLE: ClassVar = (RunnableStatus.NOT_STARTED, RunnableStatus.RUNNING)

    def __init__(self, config: TegroMarketMakerConfig, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(config, *arguments, **keywords)
        self.config = config
        self._available: dict[str, Decimal] = {}

    async def update_processed_data(self) -> None:
        """Find the price that the spreads are measured from; None while a side of the book is empty."""
        mid = self.market_data_provider.get_price_by_type(
            self.config.connector_name, self.config.trading_pair, PriceType.MidPrice
        )
        self.processed_data = {"reference_price": None, "spread_multiplier": Decimal(1), "base_share": None}
        if not mid.is_finite() or mid <= 0:
            return
        share = self._base_share(mid)
        reference = mid * (1 - self.config.inventory_skew * (share - self.config.target_base_share))
        self.processed_data |= {"reference_price": reference, "base_share": share}

    def determine_executor_actions(self) -> list[ExecutorAction]:
        """Return the quotes to place and to withdraw; nothing without a price."""
        if self.processed_data["reference_price"] is None:
            return []
        self._available = {token: self._connector.get_available_balance(token) for token in self._tokens}
        actions: list[ExecutorAction] = super().determine_executor_actions()
        return actions

    def get_levels_to_execute(self) -> list[str]:
        """Return the levels without a quote that were not filled a moment ago."""
        rests_until = self.market_data_provider.time() - self.config.cooldown_time
        working = self.filter_executors(
            executors=self.executors_info,
            filter_func=lambda info: (
                info.is_active or (info.close_type is CloseType.POSITION_HOLD and info.close_timestamp > rests_until)
            ),
        )
        levels: list[str] = self.get_not_active_levels_ids([info.custom_info["level_id"] for info in working])
        return levels

    def executors_to_refresh(self) -> list[ExecutorAction]:
        """Return the withdrawals of old quotes."""
        oldest = self.market_data_provider.time() - self.config.executor_refresh_time
        return [
            StopExecutorAction(controller_id=self.config.id, executor_id=info.id, keep_position=True)
            for info in self.executors_info
            if info.timestamp < oldest and self._is_stoppable(info)
        ]

    def get_executor_config(self, level_id: str, price: Decimal, amount: Decimal) -> OrderExecutorConfig | None:
        """Return the quote of a level; None if the wallet cannot pay it or the venue would not take it."""
        side = self.get_trade_type_from_level_id(level_id)
        amount = self._connector.quantize_order_amount(self.config.trading_pair, amount)
        base, quote = self._tokens
        token, cost = (quote, amount * price) if side is TradeType.BUY else (base, amount)
        if amount <= 0 or cost > self._available[token]:
            return None
        self._available[token] -= cost
        return OrderExecutorConfig(
            timestamp=self.market_data_provider.time(),
            connector_name=self.config.connector_name,
            trading_pair=self.config.trading_pair,
            side=side,
            amount=amount,
            price=price,
            execution_strategy=ExecutionStrategy.LIMIT_MAKER,
            leverage=self.config.leverage,
            level_id=level_id,
        )

    def to_format_status(self) -> list[str]:
        """Return what the quotes are measured from, for Hummingbot's `status`."""
        reference, share = self.processed_data.get("reference_price"), self.processed_data.get("base_share")
        if reference is None or share is None:
            return ["  no quotes: one side of the book is empty"]
        return [
            f"  reference price {reference:.6f}, base share {share:.1%} (target {self.config.target_base_share:.1%})"
        ]

    def _base_share(self, mid: Decimal) -> Decimal:
        base, quote = self._tokens
        base_value = self._connector.get_balance(base) * mid
        total = base_value + self._connector.get_balance(quote)
        return base_value / total if total > 0 else self.config.target_base_share

    def _is_stoppable(self, info: ExecutorInfo) -> bool:
        """Tell whether an executor still runs.

        Its report is up to a second old. To stop one that has ended meanwhile would start it again in a state that it
        never leaves, and Hummingbot would wait for it in vain when it stops.
        """
        order_id = info.custom_info.get("order_id")
        is_standing = order_id is None or order_id in self._connector.in_flight_orders
        return info.status in self._STOPPABLE and is_standing

    @property
    def _tokens(self) -> tuple[str, str]:
        base, _, quote = self.config.trading_pair.partition("-")
        return base, quote

    @property
    def _connector(self) -> Any:  # noqa: ANN401  Hummingbot has no types
        return self.market_data_provider.get_connector(self.config.connector_name)
