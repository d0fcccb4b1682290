"""An order's terms: held against the contract's rules, and written as the dialect's parameters (4.2). Pure."""

import re
import secrets
from decimal import Decimal
from typing import Final

from tegro.errors import InvalidInput
from tegro.model import OrderType, require_decimal
from tegro.perpetual.model import PerpetualOrderRequest, PositionMode, PositionSide, TimeInForce

_CLIENT_ORDER_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,32}")


def new_client_order_id() -> str:
    """Return a client order id that nobody else has."""
    return f"tegro-{secrets.token_hex(12)}"


def parameters_of(request: PerpetualOrderRequest, client_order_id: str) -> dict[str, str]:
    """Return the parameters of an order.

    Raises
    ------
    InvalidInput
        If the venue could only refuse it; one sentence says what breaks which rule.
    """
    _require_quantity(request)
    if _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        raise InvalidInput(
            f"client_order_id must be 1 to 32 letters, digits or any of . : / _ -, was {client_order_id!r}"
        )
    if request.reduce_only and request.position_side is not PositionSide.BOTH:
        raise InvalidInput(
            "reduce_only is for one-way mode; in hedge mode an order that closes names its side and cannot open"
        )
    parameters = {
        "symbol": request.contract.symbol,
        "side": request.side.value.upper(),
        "quantity": f"{request.quantity:f}",
        "newClientOrderId": client_order_id,
        "newOrderRespType": "RESULT",
    }
    if request.position_side is not PositionSide.BOTH:
        parameters["positionSide"] = request.position_side.value
    if request.reduce_only:
        parameters["reduceOnly"] = "true"
    return parameters | _price_terms(request)


def require_side_of_mode(request: PerpetualOrderRequest, mode: PositionMode) -> None:
    """Refuse an order whose position side is not one of the account's mode.

    Raises
    ------
    InvalidInput
        If it is not.
    """
    is_hedged = request.position_side is not PositionSide.BOTH
    if is_hedged is not (mode is PositionMode.HEDGE):
        wanted = "LONG or SHORT" if mode is PositionMode.HEDGE else "BOTH"
        raise InvalidInput(f"the account is in {mode.value} mode, so position_side must be {wanted}")


def _price_terms(request: PerpetualOrderRequest) -> dict[str, str]:
    if request.order_type is OrderType.MARKET:
        if request.price is not None:
            raise InvalidInput("a market order has no price; leave it out, or make it a limit order")
        return {"type": "MARKET"}
    price = _required_price(request)
    is_maker = request.order_type is OrderType.LIMIT_MAKER
    time_in_force = TimeInForce.GTX if is_maker else request.time_in_force
    return {"type": "LIMIT", "price": f"{price:f}", "timeInForce": time_in_force.value}


def _required_price(request: PerpetualOrderRequest) -> Decimal:
    contract, price = request.contract, request.price
    if price is None:
        raise InvalidInput("a limit order needs a price")
    _require_step(price, contract.tick_size, f"price of {contract.symbol}", "tick size")
    if not contract.min_price <= price <= contract.max_price:
        raise InvalidInput(
            f"price of {contract.symbol} must be from {contract.min_price:f} to {contract.max_price:f}, was {price:f}"
        )
    notional = price * request.quantity
    if not request.is_closing and notional < contract.min_notional:
        least = f"{contract.min_notional:f} {contract.quote}"
        raise InvalidInput(
            f"an order of {contract.symbol} must be worth at least {least} unless it only closes, was {notional:f}"
        )
    return price


def _require_quantity(request: PerpetualOrderRequest) -> None:
    contract, quantity = request.contract, request.quantity
    _require_step(quantity, contract.lot_size, f"quantity of {contract.symbol}", "lot size")
    is_market = request.order_type is OrderType.MARKET
    largest = contract.max_market_quantity if is_market else contract.max_quantity
    if not contract.min_quantity <= quantity <= largest:
        raise InvalidInput(
            f"quantity of {contract.symbol} must be from {contract.min_quantity:f} to {largest:f}, was {quantity:f}"
        )


def _require_step(value: Decimal, step: Decimal, what: str, step_name: str) -> None:
    try:
        require_decimal(value, what)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    if not value.is_finite() or value <= 0:
        raise InvalidInput(f"{what} must be above zero, was {value}")
    # More digits than the context holds would be rounded away, and the step with them.
    if value.adjusted() > 20 or value % step:
        raise InvalidInput(f"{what} must be a multiple of the {step_name} {step:f}, was {value:f}")
