"""Orders, cancels and fills (protocol 4.7 to 4.13 and 4.16)."""

import random
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from msgspec import UnsetType

from tegro.model import OrderStatus, Side
from tegro.wire import CancelReply, GenerateCancelBody, GenerateOrderBody
from tegro_localnet.dialect import Dialect
from tegro_localnet.faults import FaultBoard
from tegro_localnet.gateway.queries import listed_market, page_of, require_chain
from tegro_localnet.gateway.replies import answer
from tegro_localnet.intake import check_terms, require_ids
from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.parsing import read_address, read_body, read_decimal, read_side
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.signed_order import Domain, SignedOrder
from tegro_localnet.switches import SwitchBoard
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
        dialect: Dialect,
        switches: SwitchBoard,
        settle_now: Callable[[], Awaitable[None]],
        clock_ms: Callable[[], int],
        rng: random.Random,
        faults: FaultBoard,
    ) -> None:
        self._venue = venue
        self._listing = listing
        self._domain = domain
        self._dialect = dialect
        self._switches = switches
        self._settle_now = settle_now
        self._clock_ms = clock_ms
        self._rng = rng
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, cancel-all and the list of orders in both of their spellings (protocol 4.11, 4.12)."""
        return [
            web.get("/api/v1/trading/health", self._health),
            web.post(f"{_ORDERS}/typedData/generate", self._generate),
            web.post(f"{_ORDERS}/place", self._place),
            web.post(f"{_ORDERS}/typedData/generateCancelOrder", self._generate_cancel),
            web.post(f"{_ORDERS}/cancel", self._cancel),
            web.post(f"{_ORDERS}/cancel-all", self._cancel_all),
            web.post(f"{_ORDERS}/cancelAll", self._cancel_all),
            web.get(f"{_ORDERS}/user", self._orders),
            web.get(f"{_ORDERS}/user/{{wallet}}", self._orders),
            web.get(f"{_ORDERS}/trades/{{order_id}}", self._trades),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def _generate(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), GenerateOrderBody)
        require_chain(str(body.chain_id), self._listing)
        listed = listed_market(None, body.market_symbol, self._listing)
        market = listed.market
        is_buy = read_side(body.side.lower())
        try:
            quantity_wei = market.quantity_wei(read_decimal(body.amount, "amount"))
            price_e18 = (
                self._sweep_price_e18(listed, quantity_wei, is_buy=is_buy)
                if isinstance(body.price, UnsetType)
                else market.price_e18(read_decimal(body.price, "price"))
            )
        except ValueError as error:
            raise Refused(str(error)) from error
        if price_e18 % listed.form.price_unit_e18:
            raise Refused(f"price may have at most {listed.form.price_decimals} decimals on this venue")
        order = SignedOrder(
            base_token=market.base.address,
            quote_token=market.quote.address,
            price_e18=price_e18,
            total_quantity_wei=quantity_wei,
            is_buy=is_buy,
            salt=self._rng.getrandbits(64),
            maker=read_address(body.wallet_address, "wallet_address"),
            form=listed.form,
        )
        check_terms(order, listed, self._clock_ms() // 1000, self._switches.now)
        return answer(self._dialect.proposal(order_to_sign(order, listed, self._domain)))

    def _sweep_price_e18(self, listed: ListedMarket, quantity_wei: int, *, is_buy: bool) -> int:
        """Return the worst price that a market order needs, where the switches let there be one."""
        if self._switches.now.market_order == "refuse":
            raise Refused("price is missing: the venue takes limit orders only; price a market order through the book")
        levels = list(listed.book.levels(Side.SELL if is_buy else Side.BUY))
        for price_e18, total_wei in reversed(levels) if is_buy else levels:
            quantity_wei -= total_wei
            if quantity_wei <= 0:
                return price_e18
        raise Refused("price is missing, and the book holds less than the amount")

    async def _place(self, request: web.Request) -> web.Response:
        order = await self._venue.place(await request.read())
        self._faults.note_accepted(self._venue.orders[order.order_id].order.maker, order.order_id)
        if self._switches.now.settlement == "instant":
            await self._settle_now()
        return answer(self._dialect.order_as_taken_in(order))

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
        named = request.match_info.get("wallet") or query.get("user_address", "")
        wallet = read_address(named, "wallet")
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
        return answer([self._dialect.order(record) for record in page_of(records, request)])

    async def _trades(self, request: web.Request) -> web.Response:
        trades = self._venue.trades.of_order(request.match_info["order_id"])
        return answer([self._dialect.rest_trade(trade) for trade in trades])


def _status_filter(statuses: str | None) -> Callable[[OrderRecord], bool]:
    words = [word.strip().lower() for word in (statuses or "").split(",") if word.strip()]
    unknown = [word for word in words if word not in _FILTERS]
    if unknown:
        raise Refused(f"statuses may name {', '.join(_FILTERS)}, named {excerpt(unknown[0])}")
    return lambda record: not words or any(_FILTERS[word](record) for word in words)
