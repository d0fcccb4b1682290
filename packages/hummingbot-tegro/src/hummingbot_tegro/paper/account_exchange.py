"""The paper connector beside its orders: the account, the market that it follows, and what it tells Hummingbot."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from hummingbot.connector.exchange.tegro import tegro_constants as constants
from hummingbot.connector.exchange.tegro.public_exchange import TegroPublicExchange

from hummingbot_tegro.common.deadline import whole_answer
from hummingbot_tegro.paper.data_source import PaperOrderBookDataSource
from hummingbot_tegro.paper.naming import SUFFIX
from hummingbot_tegro.paper.realism import Realism, realism_for
from hummingbot_tegro.paper.reporting import order_update, trade_update, venue_id_of
from hummingbot_tegro.paper.venue import Filled, PaperVenue, Report
from tegro.model import BookChange, BookSnapshot, Market, Trade


class PaperAccountExchange(TegroPublicExchange):
    """Has paper money on one chain of Tegro; `TegroPaperTradeExchange` adds orders.

    Balances live in memory and begin anew with each start, with what `set_balance` is told; Hummingbot calls it for
    each token of `paper_trade_account_balance`.

    Parameters
    ----------
    trading_pairs
        Pairs to follow, such as `WETH-USDC`.
    trading_required
        Whether orders will be placed.
    domain
        Whose market is traded on: `tegro`, `tegro_testnet` or `tegro_localnet`.
    balance_asset_limit, rate_limits_share_pct
        As in every Hummingbot connector.
    realism
        How hard it is to fill; None takes what the settings file says.
    clock_ms
        Unix time in milliseconds.

    Raises
    ------
    InvalidInput
        If there is no such domain, or the settings file has a mistake.
    """

    def __init__(
        self,
        trading_pairs: list[str] | None = None,
        trading_required: bool = True,  # noqa: FBT001, FBT002  (Hummingbot's signature)
        domain: str = constants.EXCHANGE_NAME,
        balance_asset_limit: dict[str, dict[str, Decimal]] | None = None,
        rate_limits_share_pct: Decimal = Decimal(100),
        *,
        realism: Realism | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._realism = realism or realism_for(domain)
        self._clock_ms = clock_ms
        self._venue: Final = PaperVenue(self._realism, lambda: self._fee_rate)
        self._reports: deque[Report] = deque()
        self._is_reported = asyncio.Event()
        self._reporting = asyncio.Lock()
        self._knows_fee = False
        super().__init__(
            "",
            "",
            balance_asset_limit=balance_asset_limit,
            rate_limits_share_pct=rate_limits_share_pct,
            trading_pairs=trading_pairs,
            trading_required=trading_required,
            domain=domain,
        )
        # What is free is reckoned here; Hummingbot would correct it by fills once more.
        self._real_time_balance_update = True
        self._show_balances()

    @property
    def name(self) -> str:
        """Name in Hummingbot, such as `tegro_paper_trade`."""
        return f"{self._domain}{SUFFIX}"

    @property
    def status_dict(self) -> dict[str, bool]:
        """What has to be so before the connector is ready. The chain's fee must be known: fills are charged with it."""
        status: dict[str, bool] = super().status_dict
        return status | {"fee_known": self._knows_fee or not self._trading_required}

    @property
    def tracking_states(self) -> dict[str, Any]:
        """Nothing: paper orders end with the bot."""
        return {}

    def restore_tracking_states(self, saved_states: dict[str, Any]) -> None:
        """Do nothing, for the same reason."""

    async def start_network(self) -> None:
        """Start following the venue."""
        await super().start_network()
        totals = self._venue.account.totals
        missing = [token for token in self._traded_tokens() if not totals.get(token)]
        if missing and self._trading_required:
            self.logger().warning(
                f"The paper account has no {' and no '.join(missing)}: 'balance paper {missing[0]} 10' gives the next "
                "start some."
            )

    async def check_venue(self) -> None:
        """Make sure that the venue is there, and is a Tegro with our chain.

        Raises
        ------
        TegroError
            If it is not; the text says what to look at.
        """
        async with whole_answer(self._where_it_asked()), self._link.borrowed() as client:
            await self._require_tegro(client)

    # Balances

    def set_balance(self, currency: str, balance: Decimal | float) -> None:
        """Say what the account has of a token. Hummingbot's own settings give floats."""
        self._venue.account.set_total(currency, Decimal(str(balance)))
        self._show_balances()

    @property
    def on_hold_balances(self) -> dict[str, Decimal]:
        """What orders hold, by token."""
        return self._venue.account.held

    async def _update_balances(self) -> None:
        self._show_balances()

    def _show_balances(self) -> None:
        account = self._venue.account
        traded = dict.fromkeys(self._traded_tokens(), Decimal(0))
        for shown, amounts in (
            (self._account_balances, account.totals),
            (self._account_available_balances, account.available),
        ):
            shown.clear()
            shown.update(traded | amounts)

    def _traded_tokens(self) -> list[str]:
        return list(dict.fromkeys(token for pair in self._trading_pairs for token in pair.split("-")))

    async def _update_trading_fees(self) -> None:
        await super()._update_trading_fees()
        self._knows_fee = True

    # Following the market

    def _create_order_book_data_source(self) -> PaperOrderBookDataSource:
        return PaperOrderBookDataSource(self, self._link, self._trading_pairs)

    def follow_snapshot(self, market: Market, pair: str, snapshot: BookSnapshot) -> None:
        """Take notice of a whole book."""
        self._report(self._venue.apply_snapshot(market, pair, snapshot, self._clock_ms()))

    def follow_change(self, market: Market, pair: str, change: BookChange) -> None:
        """Take notice of new totals in a book."""
        self._report(self._venue.apply_change(market, pair, change, self._clock_ms()))

    def follow_trade(self, market: Market, pair: str, trade: Trade) -> None:
        """Take notice of a trade of others."""
        self._report(self._venue.apply_trade(market, pair, trade, self._clock_ms()))

    def follow_loss(self, market: Market, pair: str, reason: str) -> None:
        """Take notice that a book may be wrong until its next snapshot."""
        self._venue.mark_stale(market, pair, reason)

    # Telling Hummingbot

    def _create_user_stream_tracker_task(self) -> None:
        """Start no user stream: there is no wallet."""
        return

    def _is_user_stream_initialized(self) -> bool:
        return True

    async def _user_stream_event_listener(self) -> None:
        """Tell Hummingbot what became of orders, for as long as the network runs."""
        while True:
            await self._is_reported.wait()
            self._is_reported.clear()
            try:
                await self._publish()
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001  (it must not end while the bot runs)
                self.logger().exception("Unexpected error while a paper fill was booked.")

    def _report(self, reports: Iterable[Report]) -> None:
        before = len(self._reports)
        self._reports.extend(reports)
        if len(self._reports) > before:
            self._show_balances()
            self._is_reported.set()

    async def _publish(self) -> None:
        """Tell Hummingbot everything that happened so far, in that order. Returns when it is told."""
        async with self._reporting:
            while self._reports:
                report = self._reports.popleft()
                record, venue_id = report.record, venue_id_of(report.record.order.order_id)
                if isinstance(report, Filled):
                    self._order_tracker.process_trade_update(trade_update(record, report.index, venue_id))
                update = order_update(record, report.state, venue_id, report.time_ms)
                await self._order_tracker.process_order_update(update)
