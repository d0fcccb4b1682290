"""Orders and fills as REST and the user stream show them (perpetual dialect 4.1, 4.9, 8.1)."""

from typing import Any

from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.events import Liquidated, OrderChanged
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.terms import Execution
from tegro_localnet.perpetual.notation import amount_text, price_text, quantity_text

type Json = dict[str, Any]


def order_view(order: Order, contract: Contract) -> Json:
    """Return the order object."""
    return {
        "orderId": order.order_id,
        "clientOrderId": order.client_order_id,
        "symbol": order.symbol,
        "status": str(order.status),
        "price": price_text(order.price_e18, contract.price_decimals),
        "avgPrice": price_text(order.average_price_e18),
        "origQty": quantity_text(order.quantity_e8, contract),
        "executedQty": quantity_text(order.executed_e8, contract),
        "cumQty": quantity_text(order.executed_e8, contract),
        "cumQuote": amount_text(order.quote_e8),
        "timeInForce": str(order.time_in_force),
        "type": str(order.type),
        "origType": str(order.type),
        "side": order.side.upper(),
        "positionSide": str(order.position_side),
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "priceProtect": False,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "selfTradePreventionMode": str(order.self_trade),
        "goodTillDate": order.good_till_ms,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
    }


def fill_view(fill: Fill, contract: Contract) -> Json:
    """Return a row of the account's trades."""
    return {
        "symbol": fill.symbol,
        "pair": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": fill.side.upper(),
        "price": price_text(fill.price_e18, contract.price_decimals),
        "qty": quantity_text(fill.quantity_e8, contract),
        "quoteQty": amount_text(fill.quote_e8),
        "realizedPnl": amount_text(fill.realized_e8),
        "marginAsset": contract.quote,
        "commission": amount_text(fill.fee_e8),
        "commissionAsset": contract.quote,
        "time": fill.time_ms,
        "positionSide": str(fill.position_side),
        "buyer": fill.side == "buy",
        "maker": fill.is_maker,
    }


def order_event(event: OrderChanged, contract: Contract) -> Json:
    """Return ORDER_TRADE_UPDATE. The trade id is zero on everything but a fill: clients book a fill on any other."""
    order, fill = event.order, event.fill
    body: Json = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side.upper(),
        "o": str(order.type),
        "f": str(order.time_in_force),
        "q": quantity_text(order.quantity_e8, contract),
        "p": price_text(order.price_e18, contract.price_decimals),
        "ap": price_text(order.average_price_e18),
        "sp": "0",
        "x": str(event.execution),
        "X": str(order.status),
        "i": order.order_id,
        "l": quantity_text(fill.quantity_e8, contract) if fill else "0",
        "z": quantity_text(order.executed_e8, contract),
        "L": price_text(fill.price_e18, contract.price_decimals) if fill else "0",
        "T": event.time_ms,
        "t": fill.trade_id if fill and event.execution is Execution.TRADE else 0,
        "b": "0",
        "a": "0",
        "m": fill.is_maker if fill else False,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": str(order.type),
        "ps": str(order.position_side),
        "cp": order.close_position,
        "pP": False,
        "si": 0,
        "ss": 0,
        "rp": amount_text(fill.realized_e8) if fill else "0",
        "V": str(order.self_trade),
        "pm": "NONE",
        "gtd": order.good_till_ms,
        "er": str(int(event.reason)),
    }
    if fill:
        body |= {"N": contract.quote, "n": amount_text(fill.fee_e8)}
    return {"e": "ORDER_TRADE_UPDATE", "E": event.time_ms, "T": event.time_ms, "o": body}


def forced_event(event: Liquidated, contract: Contract) -> Json:
    """Return forceOrder, which the public sees of a liquidation (perpetual dialect 7.8)."""
    order = event.order
    body = {
        "s": order.symbol,
        "S": order.side.upper(),
        "o": "LIMIT",
        "f": str(order.time_in_force),
        "q": quantity_text(order.quantity_e8, contract),
        "p": price_text(order.price_e18, contract.price_decimals),
        "ap": price_text(order.average_price_e18),
        "X": str(order.status),
        "l": quantity_text(order.executed_e8, contract),
        "z": quantity_text(order.executed_e8, contract),
        "T": event.time_ms,
    }
    return {"e": "forceOrder", "E": event.time_ms, "o": body}
