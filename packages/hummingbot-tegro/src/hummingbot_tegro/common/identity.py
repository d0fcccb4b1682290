"""What Hummingbot asks of every connector, and ours all answer alike."""

import math
from decimal import Decimal
from typing import Any, Final, override

from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.web_assistant.web_assistants_factory import WebAssistantsFactory

from hummingbot_tegro.common.bot_identity import order_id_prefix, recorder_of
from hummingbot_tegro.common.order_book_tracker import TegroOrderBookTracker
from hummingbot_tegro.common.order_errors import OrderNotFound

MAX_CLIENT_ORDER_ID_LENGTH: Final = 32
"""The spot venue never sees the id; its old connector used 32, so databases keep their form. The perpetual venue takes
36; other clients of its dialect keep to 32 (dialect 9.6)."""


class Identity(ExchangePyBase):
    """Answers for a connector whose requests, clock and rate limits are all in `tegro`.

    What Hummingbot's constructor asks for, such as the data sources, must be there before this one is called.

    Parameters
    ----------
    domain
        Hummingbot's name of the venue.
    trading_pairs
        Pairs to follow; this very list is kept.
    trading_required
        Whether orders will be placed.
    balance_asset_limit, rate_limits_share_pct
        As in every Hummingbot connector.
    """

    def __init__(
        self,
        *,
        domain: str,
        trading_pairs: list[str] | None,
        trading_required: bool,
        balance_asset_limit: dict[str, dict[str, Decimal]] | None,
        rate_limits_share_pct: Decimal,
    ) -> None:
        self._domain = domain
        self._trading_pairs = trading_pairs or []
        self._trading_required = trading_required
        super().__init__(balance_asset_limit, rate_limits_share_pct)
        self._set_order_book_tracker(
            TegroOrderBookTracker(self._orderbook_ds, trading_pairs=self._trading_pairs, domain=domain)
        )

    @property
    def name(self) -> str:
        """Name in Hummingbot: the domain."""
        return self._domain

    @property
    def domain(self) -> str:
        """Hummingbot's name of the venue, such as `tegro_testnet`."""
        return self._domain

    @property
    def authenticator(self) -> None:
        """None: `tegro` signs what has to be signed."""
        return

    @property
    def rate_limits_rules(self) -> list[Any]:
        """Empty: `tegro` slows down when it is told to."""
        return []

    @property
    def client_order_id_max_length(self) -> int:
        """Length of the ids that Hummingbot gives to orders."""
        return MAX_CLIENT_ORDER_ID_LENGTH

    @property
    def client_order_id_prefix(self) -> str:
        """Beginning of those ids: it tells the bots of one Hummingbot apart."""
        return order_id_prefix(recorder_of(self))

    @property
    def trading_pairs(self) -> list[str]:
        """The pairs that are followed."""
        return self._trading_pairs

    @property
    def trading_pairs_request_path(self) -> str:
        """Where the pairs come from: the list that has the rules."""
        path: str = self.trading_rules_request_path
        return path

    @property
    def is_cancel_request_in_exchange_synchronous(self) -> bool:
        """True: the answer to a cancel says what was cancelled."""
        return True

    @property
    def is_trading_required(self) -> bool:
        """Whether orders will be placed."""
        return self._trading_required

    @property
    def status_dict(self) -> dict[str, bool]:
        """What has to be so before the connector is ready. A stale order book is not."""
        status: dict[str, bool] = super().status_dict
        return status | {"order_books_fresh": self._orderbook_ds.are_books_fresh}

    def supported_order_types(self) -> list[OrderType]:
        """Return the types that can be placed."""
        return [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET]

    async def _get_last_traded_price(self, trading_pair: str) -> float:
        """Return the price of the last trade; 0 where there was none, which Hummingbot's rates leave out.

        They would end each round with a traceback of a NaN.
        """
        prices: dict[str, float] = await self._orderbook_ds.get_last_traded_prices([trading_pair])
        price = prices[trading_pair]
        return 0.0 if math.isnan(price) else price

    def _create_web_assistants_factory(self) -> WebAssistantsFactory:
        return WebAssistantsFactory(throttler=self._throttler)

    @override
    async def _update_time_synchronizer(self, pass_on_non_cancelled_error: bool = False) -> None:
        """Do nothing: `tegro` keeps the venue's time where a request carries one."""

    @override
    def _is_request_exception_related_to_time_synchronizer(self, request_exception: Exception) -> bool:
        return False

    @override
    def _is_order_not_found_during_status_update_error(self, status_update_exception: Exception) -> bool:
        return isinstance(status_update_exception, OrderNotFound)

    @override
    def _is_order_not_found_during_cancelation_error(self, cancelation_exception: Exception) -> bool:
        return isinstance(cancelation_exception, OrderNotFound)
