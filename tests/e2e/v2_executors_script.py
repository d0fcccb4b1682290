"""The strategy that runs every stock executor once, each on markets of its own; it is copied into `scripts/`.

When all of them have ended it leaves a file behind that says how.
"""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Final

from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType, PositionMode, TradeType
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase
from hummingbot.strategy_v2.executors.arbitrage_executor.data_types import ArbitrageExecutorConfig
from hummingbot.strategy_v2.executors.data_types import ConnectorPair, ExecutorConfigBase
from hummingbot.strategy_v2.executors.dca_executor.data_types import DCAExecutorConfig, DCAMode
from hummingbot.strategy_v2.executors.grid_executor.data_types import GridExecutorConfig
from hummingbot.strategy_v2.executors.order_executor.data_types import ExecutionStrategy, OrderExecutorConfig
from hummingbot.strategy_v2.executors.position_executor.data_types import PositionExecutorConfig, TripleBarrierConfig
from hummingbot.strategy_v2.executors.twap_executor.data_types import TWAPExecutorConfig, TWAPMode
from hummingbot.strategy_v2.executors.xemm_executor.data_types import XEMMExecutorConfig
from hummingbot.strategy_v2.models.executor_actions import CreateExecutorAction

OWNER: Final = "main"
SINGLE: Final = ("POSITION", "GRID", "DCA", "TWAP", "ORDER")
"""Bases of the executors that trade on one market."""
BETWEEN: Final = ("ETH", "WETH", "BTC", "WBTC")
"""Bases of the executors that trade between two markets."""


class BotConfig(StrategyV2ConfigBase):
    """What the test sets."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)
    done_file: str = ""
    connector: str = "tegro_localnet"
    quote: str = "USDC"
    position_mode: str = ""
    """HEDGE or ONEWAY at a perpetual venue, where only executors of one market run; empty elsewhere."""

    @property
    def pairs(self) -> list[str]:
        """Every market."""
        return [f"{base}-{self.quote}" for base in (SINGLE if self.position_mode else SINGLE + BETWEEN)]

    def update_markets(self, markets: MarketDict) -> MarketDict:
        """Ask for every market."""
        for pair in self.pairs:
            markets.add_or_update(self.connector, pair)
        return markets


class ExecutorsScript(StrategyV2Base):
    """Starts the executors when all books are filled, and waits for them."""

    def __init__(self, connectors: dict[str, ConnectorBase], config: BotConfig) -> None:
        super().__init__(connectors, config)
        self._connector = connectors[config.connector]
        self._done_file = Path(config.done_file)
        self._is_started = False

    def apply_initial_setting(self) -> None:
        """Set the position mode of a perpetual venue."""
        if self.config.position_mode:
            self._connector.set_position_mode(PositionMode[self.config.position_mode])

    def on_tick(self) -> None:
        """Start, or look whether all have ended."""
        if not self._is_started and all(self._is_filled(pair) for pair in self.config.pairs):
            self._is_started = True
            for executor_config in self._configs():
                action = CreateExecutorAction(controller_id=OWNER, executor_config=executor_config)
                self.executor_orchestrator.execute_action(action)
        executors = self.executor_orchestrator.active_executors.get(OWNER, [])
        if executors and all(executor.is_closed for executor in executors):
            # The XEMM executor says nothing of how it ended.
            ends = {executor.config.type: executor.close_type and executor.close_type.name for executor in executors}
            balances = {token: str(amount) for token, amount in self._connector.get_all_balances().items()}
            # Renamed, so that the test never reads half of it.
            fresh = self._done_file.with_suffix(".new")
            fresh.write_text(json.dumps({"ends": ends, "balances": balances}))
            fresh.rename(self._done_file)

    def _is_filled(self, pair: str) -> bool:
        book = self._connector.get_order_book(pair)
        return bool(list(book.bid_entries())) and bool(list(book.ask_entries()))

    def _configs(self) -> list[ExecutorConfigBase]:
        single = self._configs_of_one_market()
        return single if self.config.position_mode else single + self._configs_between_markets()

    def _configs_of_one_market(self) -> list[ExecutorConfigBase]:
        name, quote = self.config.connector, self.config.quote
        common = {"timestamp": self.current_timestamp, "connector_name": name}
        return [
            PositionExecutorConfig(
                **common,
                trading_pair=f"POSITION-{quote}",
                side=TradeType.BUY,
                entry_price=Decimal("99.5"),
                amount=Decimal("1.2345"),
                triple_barrier_config=TripleBarrierConfig(
                    take_profit=Decimal("0.004"),
                    open_order_type=OrderType.LIMIT,
                    take_profit_order_type=OrderType.LIMIT,
                ),
            ),
            GridExecutorConfig(
                **common,
                trading_pair=f"GRID-{quote}",
                side=TradeType.BUY,
                start_price=Decimal("98.5"),
                end_price=Decimal("100.5"),
                limit_price=Decimal(90),
                total_amount_quote=Decimal(100),
                min_spread_between_orders=Decimal("0.02"),
                max_open_orders=1,
                triple_barrier_config=TripleBarrierConfig(
                    take_profit=Decimal("0.003"),
                    open_order_type=OrderType.LIMIT_MAKER,
                    take_profit_order_type=OrderType.LIMIT_MAKER,
                ),
            ),
            DCAExecutorConfig(
                **common,
                trading_pair=f"DCA-{quote}",
                side=TradeType.BUY,
                amounts_quote=[Decimal(30), Decimal(40)],
                prices=[Decimal("99.6"), Decimal("99.2")],
                take_profit=Decimal("0.002"),
                mode=DCAMode.MAKER,
            ),
            TWAPExecutorConfig(
                **common,
                trading_pair=f"TWAP-{quote}",
                side=TradeType.BUY,
                total_amount_quote=Decimal(90),
                total_duration=2,
                order_interval=1,
                mode=TWAPMode.TAKER,
            ),
            OrderExecutorConfig(
                **common,
                trading_pair=f"ORDER-{quote}",
                side=TradeType.SELL,
                amount=Decimal("0.75"),
                price=Decimal("100.4"),
                execution_strategy=ExecutionStrategy.LIMIT_MAKER,
            ),
        ]

    def _configs_between_markets(self) -> list[ExecutorConfigBase]:
        name = self.config.connector
        return [
            XEMMExecutorConfig(
                timestamp=self.current_timestamp,
                buying_market=ConnectorPair(connector_name=name, trading_pair="ETH-USDC"),
                selling_market=ConnectorPair(connector_name=name, trading_pair="WETH-USDC"),
                maker_side=TradeType.BUY,
                order_amount=Decimal("0.8"),
                # So low that an order which is not accepted within a second is not taken for unprofitable.
                min_profitability=Decimal("-0.01"),
                target_profitability=Decimal("0.002"),
                max_profitability=Decimal("0.02"),
            ),
            ArbitrageExecutorConfig(
                timestamp=self.current_timestamp,
                buying_market=ConnectorPair(connector_name=name, trading_pair="BTC-USDC"),
                selling_market=ConnectorPair(connector_name=name, trading_pair="WBTC-USDC"),
                order_amount=Decimal("0.6"),
                min_profitability=Decimal("0.01"),
            ),
        ]
