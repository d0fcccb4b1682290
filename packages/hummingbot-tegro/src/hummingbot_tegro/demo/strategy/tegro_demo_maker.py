"""The demo bot as a V2 controller of Hummingbot; `tegro demo` copies it into the bot's home folder.

It only translates: the host's book, balance and executors into a view, and the steps decided on into executor actions.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar, Final

from hummingbot.core.data_type.common import MarketDict, TradeType
from hummingbot.strategy_v2.controllers.controller_base import ControllerBase, ControllerConfigBase
from hummingbot.strategy_v2.executors.order_executor.data_types import ExecutionStrategy, OrderExecutorConfig
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executor_actions import CreateExecutorAction, ExecutorAction, StopExecutorAction

from hummingbot_tegro.demo.strategy.decision import (
    DemoMaker,
    LiveQuote,
    MakerParameters,
    MarketView,
    OwnOrder,
    Quote,
    Step,
    Take,
    Withdraw,
)
from tegro.model import BookLevel, Side

_LEVELS: Final = 20
_STANDING: Final = (RunnableStatus.NOT_STARTED, RunnableStatus.RUNNING)


class TegroDemoMakerConfig(ControllerConfigBase):
    """Settings of the controller; distances are basis points, values are in quote."""

    controller_name: str = "tegro_demo_maker"
    controller_type: str = "market_making"
    connector_name: str = "tegro_localnet"
    trading_pair: str = "WETH-USDC"
    seed: int = 0
    half_spread_bps: Decimal = MakerParameters().half_spread_bps
    skew_bps: Decimal = MakerParameters().skew_bps
    quote_value: Decimal = MakerParameters().quote_value
    take_value: Decimal = MakerParameters().take_value
    full_position_value: Decimal = MakerParameters().full_position_value
    refresh_ms: int = MakerParameters().refresh_ms
    take_every_ms: int = MakerParameters().take_every_ms

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for the pair."""
        return markets.add_or_update(self.connector_name, self.trading_pair)


class TegroDemoMaker(ControllerBase):
    """Carries out what `DemoMaker` decides."""

    _SIDES: ClassVar[dict[TradeType, Side]] = {TradeType.BUY: Side.BUY, TradeType.SELL: Side.SELL}
    _TRADE_TYPES: ClassVar[dict[Side, TradeType]] = {side: kind for kind, side in _SIDES.items()}

    def __init__(self, config: TegroDemoMakerConfig, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(config, *arguments, **keywords)
        names = MakerParameters.__struct_fields__
        self._maker = DemoMaker(
            MakerParameters(**{name: getattr(config, name) for name in names}),
            random.Random(config.seed),  # noqa: S311  a seeded demo
        )
        self._start_balance: Decimal | None = None

    async def update_processed_data(self) -> None:
        """Need nothing beside the book."""

    def determine_executor_actions(self) -> list[ExecutorAction]:
        """Return the actions of this moment."""
        return [self._action(step) for step in self._maker.decide(self._view())]

    def to_format_status(self) -> list[str]:
        """Return the settings, for Hummingbot's `status`."""
        names = MakerParameters.__struct_fields__
        return ["  " + ", ".join(f"{name} {getattr(self.config, name)}" for name in names)]

    def _view(self) -> MarketView:
        connector, pair = self._connector, self.config.trading_pair
        balance = connector.get_balance(pair.partition("-")[0])
        if self._start_balance is None:
            self._start_balance = balance
        book = connector.get_order_book(pair)
        now_secs = self.market_data_provider.time()
        return MarketView(
            now_ms=int(now_secs * 1000),
            bids=_levels(book.bid_entries()),
            asks=_levels(book.ask_entries()),
            tick_size=connector.trading_rules[pair].min_price_increment,
            position=balance - self._start_balance,
            min_value=connector.trading_rules[pair].min_notional_size,
            quotes=self._live(ExecutionStrategy.LIMIT, now_secs),
            takings=self._live(ExecutionStrategy.MARKET, now_secs),
            own_orders=[
                OwnOrder(self._SIDES[order.trade_type], order.price, order.amount - order.executed_amount_base)
                for order in connector.in_flight_orders.values()
                if order.trading_pair == pair and order.order_type.is_limit_type() and not order.is_done
            ],
        )

    def _live(self, execution_strategy: ExecutionStrategy, now_secs: float) -> list[LiveQuote]:
        """Return what stands by the newest report, without those whose order has ended since.

        The report is up to a second old. To stop an executor that has ended meanwhile would start it again in a state
        that it never leaves, and Hummingbot would wait for it in vain when it stops.
        """
        in_flight = self._connector.in_flight_orders
        return [
            LiveQuote(
                info.id,
                self._SIDES[info.side],
                int((now_secs - info.timestamp) * 1000),
                info.config.amount - info.custom_info["executed_amount_base"],
            )
            for info in self.executors_info
            if info.status in _STANDING
            and info.config.execution_strategy is execution_strategy
            and (info.custom_info["order_id"] is None or info.custom_info["order_id"] in in_flight)
        ]

    def _action(self, step: Step) -> ExecutorAction:
        match step:
            case Withdraw():
                return StopExecutorAction(controller_id=self.config.id, executor_id=step.quote_id, keep_position=True)
            case Quote():
                return self._order(step.side, step.quantity, ExecutionStrategy.LIMIT, step.price)
            case Take():
                return self._order(step.side, step.quantity, ExecutionStrategy.MARKET, None)

    def _order(
        self, side: Side, quantity: Decimal, execution_strategy: ExecutionStrategy, price: Decimal | None
    ) -> CreateExecutorAction:
        amount = self._connector.quantize_order_amount(self.config.trading_pair, quantity)
        return CreateExecutorAction(
            controller_id=self.config.id,
            executor_config=OrderExecutorConfig(
                timestamp=self.market_data_provider.time(),
                connector_name=self.config.connector_name,
                trading_pair=self.config.trading_pair,
                side=self._TRADE_TYPES[side],
                amount=amount,
                price=price,
                execution_strategy=execution_strategy,
            ),
        )

    @property
    def _connector(self) -> Any:  # noqa: ANN401  Hummingbot has no types
        return self.market_data_provider.get_connector(self.config.connector_name)


def _levels(rows: Iterator[Any]) -> list[BookLevel]:
    """Return the best levels of the host's book, which it keeps in floats."""
    return [BookLevel(Decimal(str(row.price)), Decimal(str(row.amount))) for row in islice(rows, _LEVELS)]
