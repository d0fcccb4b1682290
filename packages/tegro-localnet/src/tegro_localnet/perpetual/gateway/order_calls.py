"""Orders by REST (perpetual dialect 4)."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final

import msgspec

from tegro.model import Side
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.commands import AmendOrder, CancelAll, CancelOrder, CountDown, PlaceOrder
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import OrderType, PositionSide, SelfTrade, TimeInForce
from tegro_localnet.perpetual.engine.trading import Placed
from tegro_localnet.perpetual.gateway.order_views import Json, fill_view, order_view
from tegro_localnet.perpetual.gateway.parameters import Parameters
from tegro_localnet.perpetual.gateway.public_calls import RATE_LIMITS
from tegro_localnet.perpetual.gateway.rest import Call, Endpoint, Security
from tegro_localnet.perpetual.notation import read_number
from tegro_localnet.perpetual.venue import PerpetualVenue

_WEEK_MS: Final = 7 * 86_400_000
_MOST_PLACED: Final = 5
_MOST_CANCELLED: Final = 10
_CONDITIONAL: Final = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


class _ApiSide(StrEnum):
    """A side as the dialect writes it."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def side(self) -> Side:
        """The side it means."""
        return Side(self.lower())


class OrderCalls:
    """Placing, changing, cancelling, looking up."""

    def __init__(self, venue: PerpetualVenue) -> None:
        self._venue: Final = venue

    def endpoints(self) -> list[Endpoint]:
        """Return the calls."""
        signed = Security.SIGNED
        return [
            Endpoint("POST", "/v1/order", signed, self._place, 0, is_order=True),
            Endpoint("POST", "/v1/order/test", signed, self._test, 0),
            Endpoint("GET", "/v1/order", signed, self._show),
            Endpoint("PUT", "/v1/order", signed, self._amend, 0, is_order=True),
            Endpoint("DELETE", "/v1/order", signed, self._cancel),
            Endpoint("POST", "/v1/batchOrders", signed, self._place_batch, 5, is_order=True),
            Endpoint("PUT", "/v1/batchOrders", signed, self._amend_batch, 5, is_order=True),
            Endpoint("DELETE", "/v1/batchOrders", signed, self._cancel_batch),
            Endpoint("DELETE", "/v1/allOpenOrders", signed, self._cancel_all),
            Endpoint("POST", "/v1/countdownCancelAll", signed, self._count_down, 10),
            Endpoint("GET", "/v1/openOrder", signed, self._show_open),
            Endpoint("GET", "/v1/openOrders", signed, self._list_open),
            Endpoint("GET", "/v1/allOrders", signed, self._list_all, 5),
            Endpoint("GET", "/v1/userTrades", signed, self._list_fills, 5),
            Endpoint("GET", "/v1/forceOrders", signed, self._list_forced, 20),
            Endpoint("GET", "/v1/rateLimit/order", signed, lambda _: RATE_LIMITS[1:]),
        ]

    def _place(self, call: Call) -> Json:
        return self._place_one(call.account, call.parameters)

    def _test(self, call: Call) -> Json:
        command = msgspec.structs.replace(self._read_order(call.account, call.parameters), is_test=True)
        return self._view(self._venue.apply(command).accepted)

    def _place_one(self, account: Account, parameters: Parameters) -> Json:
        response_type = parameters.find("newOrderRespType") or "ACK"
        if response_type not in ("ACK", "RESULT"):
            raise Rejected(-1136, "Invalid newOrderRespType.")
        placed: Placed = self._venue.apply(self._read_order(account, parameters))
        return self._view(placed.order if response_type == "RESULT" else placed.accepted)

    def _read_order(self, account: Account, parameters: Parameters) -> PlaceOrder:
        symbol = self._symbol(parameters)
        side = parameters.choice("side", _ApiSide, code=-1117)
        if parameters.text("type") in _CONDITIONAL:
            text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            raise Rejected(-4120, text)
        order_type = parameters.choice("type", OrderType, code=-1116)
        if order_type is OrderType.LIQUIDATION:
            raise Rejected(-1116, "Invalid orderType.")
        if parameters.find("priceMatch") not in (None, "NONE"):
            raise Rejected(-5038, "Price match is not supported here; send a price.")
        is_limit = order_type is OrderType.LIMIT
        closes = parameters.flag("closePosition")
        time_in_force = TimeInForce.GTC
        if is_limit:
            time_in_force = TimeInForce(parameters.choice("timeInForce", TimeInForce, code=-1115))
        has_reduce_only = parameters.find("reduceOnly") is not None
        if account.is_hedge and has_reduce_only:
            raise Rejected(-1106)
        return PlaceOrder(
            account_id=account.account_id,
            symbol=symbol,
            side=side.side,
            position_side=parameters.choice("positionSide", PositionSide, PositionSide.BOTH, code=-4060),
            type=order_type,
            time_in_force=time_in_force,
            price_e18=_number(parameters, "price", 18) if is_limit else 0,
            quantity_e8=0 if closes and parameters.find("quantity") is None else _number(parameters, "quantity", 8),
            reduce_only=parameters.flag("reduceOnly"),
            close_position=closes,
            self_trade=parameters.choice("selfTradePreventionMode", SelfTrade, SelfTrade.EXPIRE_MAKER, code=-5039),
            good_till_ms=parameters.integer("goodTillDate") if time_in_force is TimeInForce.GTD else 0,
            client_order_id=parameters.find("newClientOrderId"),
        )

    def _show(self, call: Call) -> Json:
        return self._view(self._find(call.account, call.parameters, -2013))

    def _amend(self, call: Call) -> Json:
        return self._amend_one(call.account, call.parameters)

    def _amend_one(self, account: Account, parameters: Parameters) -> Json:
        order = self._find(account, parameters, -2013)
        parameters.choice("side", _ApiSide, code=-1117)
        command = AmendOrder(
            account_id=account.account_id,
            order_id=order.order_id,
            price_e18=_number(parameters, "price", 18),
            quantity_e8=_number(parameters, "quantity", 8),
            must_be_reduce_only=parameters.flag("reduceOnly"),
        )
        modify_id = parameters.find("modifyId")
        extra: Json = {"pair": order.symbol} | ({} if modify_id is None else {"modifyId": modify_id})
        return self._view(self._venue.apply(command)) | extra

    def _cancel(self, call: Call) -> Json:
        order = self._find(call.account, call.parameters, -2011)
        return self._cancel_one(call.account, order.order_id)

    def _cancel_one(self, account: Account, order_id: int) -> Json:
        return self._view(self._venue.apply(CancelOrder(account_id=account.account_id, order_id=order_id)))

    def _place_batch(self, call: Call) -> list[Json]:
        return self._each(call, self._place_one)

    def _amend_batch(self, call: Call) -> list[Json]:
        return self._each(call, self._amend_one)

    def _each(self, call: Call, act: Callable[[Account, Parameters], Json]) -> list[Json]:
        items = _read_list(call.parameters, "batchOrders", _MOST_PLACED)
        if not all(isinstance(item, dict) for item in items):
            raise Rejected(-1130, "Data sent for parameter 'batchOrders' is not valid.")
        return [_attempt(partial(act, call.account, Parameters(_as_text(item)))) for item in items]

    def _cancel_batch(self, call: Call) -> list[Json]:
        symbol, parameters, account = self._symbol(call.parameters), call.parameters, call.account
        wanted: list[tuple[int | None, str | None]]
        if parameters.find("orderIdList") is not None:
            wanted = [(_order_id(each), None) for each in _read_list(parameters, "orderIdList", _MOST_CANCELLED)]
        else:
            wanted = [(None, str(each)) for each in _read_list(parameters, "origClientOrderIdList", _MOST_CANCELLED)]

        def cancel(order_id: int | None, client_order_id: str | None) -> Json:
            order = self._venue.state.orders.find(account.account_id, symbol, order_id, client_order_id)
            if order is None:
                raise Rejected(-2011)
            return self._cancel_one(account, order.order_id)

        return [_attempt(partial(cancel, *ids)) for ids in wanted]

    def _cancel_all(self, call: Call) -> Json:
        self._venue.apply(CancelAll(account_id=call.account.account_id, symbol=self._symbol(call.parameters)))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _count_down(self, call: Call) -> Json:
        symbol, countdown_ms = self._symbol(call.parameters), call.parameters.integer("countdownTime")
        account_id = call.account.account_id
        self._venue.apply(CountDown(account_id=account_id, symbol=symbol, countdown_ms=countdown_ms))
        return {"symbol": symbol, "countdownTime": str(countdown_ms)}

    def _show_open(self, call: Call) -> Json:
        order = self._find(call.account, call.parameters, -2013)
        if not order.is_open:
            raise Rejected(-2013)
        return self._view(order)

    def _list_open(self, call: Call) -> list[Json]:
        symbol = self._symbol(call.parameters) if call.parameters.find("symbol") else None
        return [self._view(order) for order in call.account.orders(symbol)]

    def _list_all(self, call: Call) -> list[Json]:
        symbol, limit = self._symbol(call.parameters), call.parameters.limit(500, 1000)
        start_ms, end_ms = call.parameters.span(_WEEK_MS, _WEEK_MS, call.now_ms)
        from_id = call.parameters.integer("orderId", 0)
        records = self._venue.state.records[call.account.account_id]
        found = [
            order
            for order in self._venue.state.orders.all_of(records)
            if order.symbol == symbol and order.order_id >= from_id and start_ms <= order.created_ms <= end_ms
        ]
        is_forward = from_id or call.parameters.find("startTime")
        return [self._view(order) for order in (found[:limit] if is_forward else found[-limit:])]

    def _list_fills(self, call: Call) -> list[Json]:
        parameters = call.parameters
        symbol, limit = self._symbol(parameters), parameters.limit(500, 1000)
        from_id, order_id = parameters.integer("fromId", -1), parameters.integer("orderId", -1)
        if from_id >= 0 and (parameters.find("startTime") or parameters.find("endTime")):
            raise Rejected(-1128, "Combination of optional parameters invalid.")
        start_ms, end_ms = parameters.span(_WEEK_MS, _WEEK_MS, call.now_ms)

        def fits(fill: Fill) -> bool:
            is_asked = order_id < 0 or fill.order_id == order_id
            return (
                fill.symbol == symbol and is_asked and fill.trade_id >= from_id and start_ms <= fill.time_ms <= end_ms
            )

        fills = self._venue.state.records[call.account.account_id].fills
        found = [fill for fill in fills if fits(fill)]
        is_forward = from_id >= 0 or parameters.find("startTime")
        contract = self._venue.state.market(symbol).contract
        return [fill_view(fill, contract) for fill in (found[:limit] if is_forward else found[-limit:])]

    def _list_forced(self, call: Call) -> list[Json]:
        symbol, kind = call.parameters.find("symbol"), call.parameters.find("autoCloseType")
        prefix = {"LIQUIDATION": "autoclose-", "ADL": "adl_autoclose"}.get(kind or "", "")
        start_ms, end_ms = call.parameters.span()
        found = [
            self._view(order) | {"pair": order.symbol}
            for order in self._venue.state.records[call.account.account_id].forced
            if symbol in (None, order.symbol) and order.client_order_id.startswith(prefix)
            if start_ms <= order.created_ms <= end_ms
        ]
        return found[-call.parameters.limit(50, 100) :]

    def _symbol(self, parameters: Parameters) -> str:
        return self._venue.state.market(parameters.text("symbol").upper()).contract.symbol

    def _view(self, order: Order) -> Json:
        return order_view(order, self._venue.state.markets[order.symbol].contract)

    def _find(self, account: Account, parameters: Parameters, code: int) -> Order:
        symbol = self._symbol(parameters)
        order_id = parameters.integer("orderId", 0) or None
        client_order_id = parameters.find("origClientOrderId")
        if order_id is None and client_order_id is None:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise Rejected(-1102, text)
        order = self._venue.state.orders.find(account.account_id, symbol, order_id, client_order_id)
        if order is None:
            raise Rejected(code)
        return order


def _number(parameters: Parameters, name: str, decimals: int) -> int:
    return read_number(parameters.text(name), name, decimals)


def _read_list(parameters: Parameters, name: str, most: int) -> list[Any]:
    try:
        items = msgspec.json.decode(parameters.text(name))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise Rejected(-1130, f"Data sent for parameter '{name}' is not valid.")
    if not 1 <= len(items) <= most:
        raise Rejected(-4082, "Invalid number of batch place orders.")
    return items


def _order_id(item: object) -> int:
    if not isinstance(item, int):
        raise Rejected(-1130, "Data sent for parameter 'orderIdList' is not valid.")
    return item


def _as_text(item: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a batch item as a form would carry them; they may be text, numbers or booleans."""
    return {name: value if isinstance(value, str) else str(value) for name, value in item.items() if value is not None}


def _attempt(act: Callable[[], Json]) -> Json:
    try:
        return act()
    except Rejected as refusal:
        return {"code": refusal.code, "msg": refusal.text}
