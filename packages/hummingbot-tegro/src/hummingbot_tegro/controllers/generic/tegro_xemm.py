"""Make a market on one venue and hedge every fill at once on another: cross-exchange market making.

One XEMM executor for each side. It keeps a limit order on the maker market at the price that leaves the wanted profit
after both fees, and when that order is filled it sends the opposite market order to the taker market.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Self

from hummingbot.core.data_type.common import MarketDict, PriceType, TradeType
from hummingbot.strategy_v2.controllers.controller_base import ControllerBase, ControllerConfigBase
from hummingbot.strategy_v2.executors.data_types import ConnectorPair
from hummingbot.strategy_v2.executors.validation import require_interchangeable_pairs
from hummingbot.strategy_v2.executors.xemm_executor.data_types import XEMMExecutorConfig
from hummingbot.strategy_v2.models.executor_actions import CreateExecutorAction, ExecutorAction
from hummingbot.strategy_v2.models.executors_info import ExecutorInfo
from pydantic import Field, model_validator

_UPDATABLE: dict[str, Any] = {"is_updatable": True}


class TegroXemmConfig(ControllerConfigBase):
    """Settings. Profitabilities are fractions of the price, after fees: 0.001 is 10 basis points. Times are seconds."""

    controller_name: str = "tegro_xemm"
    controller_type: str = "generic"
    maker_connector: str = "tegro_localnet"
    """Where the limit orders rest."""
    maker_trading_pair: str = "WETH-USDC"
    taker_connector: str = "tegro_testnet"
    """Where every fill is hedged by a market order. It may be another exchange."""
    taker_trading_pair: str = "WETH-USDC"
    total_amount_quote: Decimal = Field(default=Decimal(200), gt=0, json_schema_extra=_UPDATABLE)
    """Value of both orders together."""
    min_profitability: Decimal = Field(default=Decimal("0.001"), json_schema_extra=_UPDATABLE)
    """Below it the order is placed anew."""
    target_profitability: Decimal = Field(default=Decimal("0.003"), json_schema_extra=_UPDATABLE)
    max_profitability: Decimal = Field(default=Decimal("0.006"), json_schema_extra=_UPDATABLE)
    """Above it the order is placed anew."""
    cooldown_time: int = Field(default=5, ge=0, json_schema_extra=_UPDATABLE)
    """How long a side rests after a hedge."""

    @model_validator(mode="after")
    def check_markets_and_band(self) -> Self:
        """Refuse markets that cannot hedge one another, and a band that the target is not in."""
        require_interchangeable_pairs(
            "maker_trading_pair", self.maker_trading_pair, "taker_trading_pair", self.taker_trading_pair
        )
        if self.maker_market == self.taker_market:
            raise ValueError("maker and taker must be different markets")
        if not self.min_profitability <= self.target_profitability <= self.max_profitability:
            raise ValueError("target_profitability must lie between min_profitability and max_profitability")
        return self

    @property
    def maker_market(self) -> ConnectorPair:
        """The market of the limit orders."""
        return ConnectorPair(connector_name=self.maker_connector, trading_pair=self.maker_trading_pair)

    @property
    def taker_market(self) -> ConnectorPair:
        """The market of the hedges."""
        return ConnectorPair(connector_name=self.taker_connector, trading_pair=self.taker_trading_pair)

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for both markets."""
        for market in (self.maker_market, self.taker_market):
            markets.add_or_update(market.connector_name, market.trading_pair)
        return markets


class TegroXemm(ControllerBase):
    """Carries out the strategy of this module."""

    def __init__(self, config: TegroXemmConfig, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(config, *arguments, **keywords)
        self.config = config
        self.market_data_provider.initialize_rate_sources([config.maker_market, config.taker_market])

    async def update_processed_data(self) -> None:
        """Find the middle of the taker market."""
        taker = self.config.taker_market
        mid = self.market_data_provider.get_price_by_type(taker.connector_name, taker.trading_pair, PriceType.MidPrice)
        self.processed_data = {"taker_mid": mid}

    def determine_executor_actions(self) -> list[ExecutorAction]:
        """Return the executors to start: one for each side that has none and can be paid on both venues."""
        mid = self.processed_data["taker_mid"]
        if not mid.is_finite() or mid <= 0:
            return []
        amount = self._amount(mid)
        return [
            CreateExecutorAction(controller_id=self.config.id, executor_config=self._executor_config(side, amount))
            for side in self._free_sides()
            if amount > 0 and self._can_pay(side, amount, mid)
        ]

    def to_format_status(self) -> list[str]:
        """Return the two markets, for Hummingbot's `status`."""
        maker, taker = self.config.maker_market, self.config.taker_market
        markets = (
            f"maker {maker.connector_name} {maker.trading_pair}, taker {taker.connector_name} {taker.trading_pair}"
        )
        return [f"  {markets}, the taker's mid price is {self.processed_data.get('taker_mid')}"]

    def _free_sides(self) -> Iterator[TradeType]:
        rests_until = self.market_data_provider.time() - self.config.cooldown_time
        for side in (TradeType.BUY, TradeType.SELL):
            own: list[ExecutorInfo] = [info for info in self.executors_info if info.config.maker_side is side]
            is_resting = any((info.close_timestamp or 0) > rests_until for info in own)
            if not is_resting and not any(info.is_active for info in own):
                yield side

    def _amount(self, mid: Decimal) -> Decimal:
        """Return half of the value in base, at the coarser of the two markets' steps."""
        amount = self.config.total_amount_quote / 2 / mid
        for market in (self.config.maker_market, self.config.taker_market):
            amount = self._connector(market).quantize_order_amount(market.trading_pair, amount)
        return amount

    def _can_pay(self, side: TradeType, amount: Decimal, mid: Decimal) -> bool:
        maker, taker = self.config.maker_market, self.config.taker_market
        buys, sells = (maker, taker) if side is TradeType.BUY else (taker, maker)
        quote, base = buys.trading_pair.partition("-")[2], sells.trading_pair.partition("-")[0]
        has_quote = self._connector(buys).get_available_balance(quote) >= amount * mid
        return bool(has_quote and self._connector(sells).get_available_balance(base) >= amount)

    def _executor_config(self, side: TradeType, amount: Decimal) -> XEMMExecutorConfig:
        maker, taker = self.config.maker_market, self.config.taker_market
        buys, sells = (maker, taker) if side is TradeType.BUY else (taker, maker)
        return XEMMExecutorConfig(
            timestamp=self.market_data_provider.time(),
            buying_market=buys,
            selling_market=sells,
            maker_side=side,
            order_amount=amount,
            min_profitability=self.config.min_profitability,
            target_profitability=self.config.target_profitability,
            max_profitability=self.config.max_profitability,
        )

    def _connector(self, market: ConnectorPair) -> Any:  # noqa: ANN401  Hummingbot has no types
        return self.market_data_provider.get_connector(market.connector_name)
