"""The strategy that the end-to-end test runs in a stock Hummingbot: on each pair it makes, takes, cancels, and rests.

It is copied into the host's `scripts/`. The other side of every trade is the test.
"""

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    SellOrderCompletedEvent,
)
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase

CONNECTOR: Final = "tegro_localnet"

PRICES: Final = {"WETH-USDC": Decimal(3000), "WBTC-USDC": Decimal(95000)}
AMOUNTS: Final = {"WETH-USDC": Decimal("0.123457"), "WBTC-USDC": Decimal("0.012345")}
TAKER_TYPES: Final = {"WETH-USDC": OrderType.LIMIT, "WBTC-USDC": OrderType.MARKET}


class BotConfig(StrategyV2ConfigBase):
    """The strategy needs no settings of its own."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)
    done_file: str = ""

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for both pairs."""
        for pair in PRICES:
            markets.add_or_update(CONNECTOR, pair)
        return markets


class PairPlan:
    """The steps on one pair. A step begins when the order of the one before has ended."""

    def __init__(self, bot: "BotScript", pair: str) -> None:
        self._bot = bot
        self._pair = pair
        self._price = PRICES[pair]
        self._amount = AMOUNTS[pair]
        self._waiting_for = ""
        self._steps: list[Callable[[], str]] = [
            self._make_a_sell,
            self._make_a_buy,
            self._take_an_ask,
            self._take_a_bid,
            self._place_and_cancel,
            self._rest_until_the_stop,
        ]

    @property
    def is_over(self) -> bool:
        """Whether the last step was begun."""
        return not self._steps

    def go_on(self) -> None:
        """Begin the next step if nothing is waited for. A step that cannot begin yet returns no order id."""
        if self._steps and not self._waiting_for:
            self._waiting_for = self._steps[0]()
            if self._waiting_for:
                self._steps.pop(0)

    def ended(self, order_id: str) -> None:
        """Take note of the end of an order."""
        if order_id == self._waiting_for:
            self._waiting_for = ""

    def opened(self, order_id: str) -> None:
        """Cancel the order of the step before the last one as soon as it is there."""
        if order_id == self._waiting_for and len(self._steps) == 1:
            self._bot.cancel(CONNECTOR, self._pair, order_id)

    def _make_a_sell(self) -> str:
        return self._bot.sell(CONNECTOR, self._pair, self._amount, OrderType.LIMIT_MAKER, self._price * Decimal("1.01"))

    def _make_a_buy(self) -> str:
        return self._bot.buy(CONNECTOR, self._pair, self._amount, OrderType.LIMIT, self._price * Decimal("0.99"))

    def _take_an_ask(self) -> str:
        if not list(self._bot.book(self._pair).ask_entries()):
            return ""
        return self._bot.buy(CONNECTOR, self._pair, self._amount, TAKER_TYPES[self._pair], self._price * Decimal("1.1"))

    def _take_a_bid(self) -> str:
        if not list(self._bot.book(self._pair).bid_entries()):
            return ""
        # Below the bid: the contract pays this limit, and that is what the books must say.
        return self._bot.sell(CONNECTOR, self._pair, self._amount, OrderType.LIMIT, self._price * Decimal("0.97"))

    def _place_and_cancel(self) -> str:
        return self._bot.sell(CONNECTOR, self._pair, self._amount, OrderType.LIMIT, self._price * 2)

    def _rest_until_the_stop(self) -> str:
        return self._bot.buy(CONNECTOR, self._pair, self._amount, OrderType.LIMIT, self._price / 2)


class BotScript(StrategyV2Base):
    """Runs the plan of every pair and leaves a file behind when the last order of each rests."""

    def __init__(self, connectors: dict[str, ConnectorBase], config: BotConfig) -> None:
        super().__init__(connectors, config)
        self._done_file = Path(config.done_file)
        self._plans = [PairPlan(self, pair) for pair in PRICES]

    def book(self, pair: str) -> object:
        """Return the connector's book of a pair."""
        return self.connectors[CONNECTOR].get_order_book(pair)

    def on_tick(self) -> None:
        """Go on with every plan."""
        for plan in self._plans:
            plan.go_on()
        resting = self.connectors[CONNECTOR].limit_orders
        if all(plan.is_over for plan in self._plans) and len(resting) == len(self._plans):
            self._done_file.touch()

    def did_create_sell_order(self, event: object) -> None:
        """Cancel what is there to be cancelled."""
        for plan in self._plans:
            plan.opened(event.order_id)

    def did_complete_buy_order(self, event: BuyOrderCompletedEvent) -> None:
        """Go on after a completed buy."""
        self._ended(event.order_id)

    def did_complete_sell_order(self, event: SellOrderCompletedEvent) -> None:
        """Go on after a completed sell."""
        self._ended(event.order_id)

    def did_cancel_order(self, event: OrderCancelledEvent) -> None:
        """Go on after a cancel."""
        self._ended(event.order_id)

    def did_fail_order(self, event: MarketOrderFailureEvent) -> None:
        """Say so; the test then waits in vain and shows the log."""
        self.logger().error(f"the order {event.order_id} failed: {event.error_message}")

    def _ended(self, order_id: str) -> None:
        for plan in self._plans:
            plan.ended(order_id)
