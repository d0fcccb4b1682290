"""Orders, cancels and fills (protocol 4.7 to 4.13 and 4.16)."""

import random
from collections.abc import Callable
from typing import Final

from aiohttp import web
from msgspec import UnsetType

from tegro.model import OrderStatus
from tegro.wire import CancelReply, GenerateCancelBody, GenerateOrderBody
from tegro_localnet.config import ReportPrice
from tegro_localnet.faults import FaultBoard
from tegro_localnet.gateway.queries import listed_market, page_of, require_chain
from tegro_localnet.gateway.replies import answer
from tegro_localnet.intake import check_terms, require_ids
from tegro_localnet.listing import Listing
from tegro_localnet.orders import OrderRecord
from tegro_localnet.parsing import read_address, read_body, read_decimal, read_side
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.signed_order import Domain, SignedOrder
from tegro_localnet.typed_data import cancel_to_sign, order_to_sign
from tegro_localnet.venue import Venue

_FILTERS: Final[dict[str, Callable[[OrderRecord], bool]]] = {
    "active": lambda record: record.is_open,
    "open": lambda record: record.is_open,
    "completed": lambda record: record.status is OrderStatus.CLOSED,
    "closed": lambda record: record.status is OrderStatus.CLOSED,
    "cancelled": lambda record: record.status is OrderStatus.CANCELLED,
    "matched": lambda record: record.pending_wei > 0,
}
"""Words of the `statuses` filter. They are not the words inside the orders; both are served (protocol 4.12)."""

_ORDERS: Final = "/api/v1/trading/market/orders"


class TradingRoutes:
    """The endpoints of the trading service."""

    def __init__(
        self,
        *,
        venue: Venue,
        listing: Listing,
        domain: Domain,
        report_price: ReportPrice,
        clock_ms: Callable[[], int],
        rng: random.Random,
        faults: FaultBoard,
    ) -> None:
        self._venue = venue
        self._listing = listing
        self._domain = domain
        self._report_price = report_price
        self._clock_ms = clock_ms
        self._rng = rng
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, cancel-all in both of its spellings (protocol 4.11)."""
        return [
            web.get("/api/v1/trading/health", self._health),
            web.post(f"{_ORDERS}/typedData/generate", self._generate),
            web.post(f"{_ORDERS}/place", self._place),
            web.post(f"{_ORDERS}/typedData/generateCancelOrder", self._generate_cancel),
            web.post(f"{_ORDERS}/cancel", self._cancel),
            web.post(f"{_ORDERS}/cancel-all", self._cancel_all),
            web.post(f"{_ORDERS}/cancelAll", self._cancel_all),
            web.get(f"{_ORDERS}/user/{{wallet}}", self._orders),
            web.get(f"{_ORDERS}/trades/{{order_id}}", self._trades),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def _generate(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), GenerateOrderBody)
        require_chain(str(body.chain_id), self._listing)
        listed = listed_market(None, body.market_symbol, self._listing)
        if isinstance(body.price, UnsetType):
            raise Refused("price is missing: the venue takes limit orders only; price a market order through the book")
        market = listed.market
        try:
            price_e18 = market.price_e18(read_decimal(body.price, "price"))
            quantity_wei = market.quantity_wei(read_decimal(body.amount, "amount"))
        except ValueError as error:
            raise Refused(str(error)) from error
        order = SignedOrder(
            base_token=market.base.address,
            quote_token=market.quote.address,
            price_e18=price_e18,
            total_quantity_wei=quantity_wei,
            is_buy=read_side(body.side.lower()),
            salt=self._rng.getrandbits(64),
            maker=read_address(body.wallet_address, "wallet_address"),
        )
        check_terms(order, listed, self._clock_ms() // 1000)
        return answer(order_to_sign(order, listed, self._domain))

    async def _place(self, request: web.Request) -> web.Response:
        order = await self._venue.place(await request.read())
        self._faults.note_accepted(self._venue.orders[order.order_id].order.maker, order.order_id)
        return answer(order)

    async def _generate_cancel(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), GenerateCancelBody)
        wallet = read_address(body.user_address, "user_address")
        require_ids(body.order_ids)
        found = {record.order_id for record in self._venue.open_orders(wallet, body.order_ids)}
        missing = [order_id for order_id in body.order_ids if order_id not in found]
        if missing:
            raise Refused(f"Orders not found: {wallet} has no open order {excerpt(missing[0])}")
        return answer(cancel_to_sign(body.order_ids, wallet, self._domain))

    async def _cancel(self, request: web.Request) -> web.Response:
        return answer(CancelReply(cancelled_order_ids=self._venue.cancel(await request.read())))

    async def _cancel_all(self, request: web.Request) -> web.Response:
        return answer(CancelReply(cancelled_order_ids=self._venue.cancel_all(await request.read())))

    async def _orders(self, request: web.Request) -> web.Response:
        query = request.query
        require_chain(query.get("chain_id"), self._listing)
        wallet = read_address(request.match_info["wallet"], "wallet")
        keep = _status_filter(query.get("statuses"))
        market_id, order_id = query.get("market_id", "").lower(), query.get("order_id")
        hidden = self._faults.hidden_orders(request.path, wallet)
        records = [
            record
            for record in self._venue.orders.of_wallet(wallet)
            if keep(record)
            and record.order_id not in hidden
            and (not market_id or record.market.id == market_id)
            and (not order_id or record.order_id == order_id)
        ]
        return answer([record.view() for record in page_of(records, request)])

    async def _trades(self, request: web.Request) -> web.Response:
        trades = self._venue.trades.of_order(request.match_info["order_id"])
        return answer([trade.rest_view(self._report_price) for trade in trades])


def _status_filter(statuses: str | None) -> Callable[[OrderRecord], bool]:
    words = [word.strip().lower() for word in (statuses or "").split(",") if word.strip()]
    unknown = [word for word in words if word not in _FILTERS]
    if unknown:
        raise Refused(f"statuses may name {', '.join(_FILTERS)}, named {excerpt(unknown[0])}")
    return lambda record: not words or any(_FILTERS[word](record) for word in words)
