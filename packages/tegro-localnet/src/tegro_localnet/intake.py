"""Every check of a signed request that needs nothing but the request, the listings and the clock.

The checks run in a fixed order and the first that fails answers. Balance and allowance follow in `venue`, because they
need the chain.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side
from tegro.wire import CancelAllBody, CancelBody, PlaceOrderBody, RawOrderData
from tegro.wire.number import plain
from tegro_localnet.markets import ListedMarket
from tegro_localnet.parsing import read_address, read_body, read_side, read_signature, read_uint256
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.signed_order import Domain, OrderForm, SignedOrder, cancel_digest, recover, text_digest
from tegro_localnet.switches import SwitchBoard, Switches

_ORDER_TYPE: Final = "tegro"
_MAX_CANCELS: Final = 500
_ALL_CHECKS: Final = Switches()


class CheckedOrder(Struct, frozen=True):
    """An order whose form, terms and signature are right."""

    order: SignedOrder
    listed: ListedMarket
    side: Side
    order_hash: str
    """64 hex digits without 0x."""


class Intake:
    """The checks of one chain's venue. Every method raises `Refused` with one sentence.

    Parameters
    ----------
    domain
        What orders are signed for.
    markets
        By id.
    clock_ms
        The time in Unix milliseconds.
    switches
        Which checks are made; None makes all.
    """

    def __init__(
        self,
        domain: Domain,
        markets: Mapping[str, ListedMarket],
        clock_ms: Callable[[], int],
        switches: SwitchBoard | None = None,
    ) -> None:
        self._domain = domain
        self._markets = markets
        self._clock_ms = clock_ms
        self._switches = switches or SwitchBoard(_ALL_CHECKS)

    def check_order(self, body: bytes) -> CheckedOrder:
        """Check the body of a place request (protocol 4.8)."""
        switches = self._switches.now
        place = read_body(body, PlaceOrderBody)
        listed = self._listed(place)
        if place.signed_order_type != _ORDER_TYPE:
            raise Refused(f"signed_order_type must be {_ORDER_TYPE!r}, was {excerpt(place.signed_order_type)}")
        order = _read_order(place, listed.form)
        _compare_tokens(order, listed)
        if switches.check_outer_fields == "on":
            _compare_outer_fields(place, order)
        digest = order.order_hash(self._domain)
        if switches.check_order_hash == "on" and place.order_hash.lower() != "0x" + digest.hex():
            raise Refused(
                f"order_hash does not belong to raw_order_data: expected 0x{digest.hex()}, "
                f"was {excerpt(place.order_hash)}"
            )
        if switches.check_signature == "on":
            require_signer(digest, order.signature, order.maker)
        check_terms(order, listed, self._clock_ms() // 1000, switches)
        side = Side.BUY if order.is_buy else Side.SELL
        return CheckedOrder(order, listed, side, digest.hex())

    def check_cancel(self, body: bytes) -> tuple[str, list[str]]:
        """Check the body of a cancel (protocol 4.10); returns the wallet and the ids as they were signed."""
        cancel = read_body(body, CancelBody)
        wallet = read_address(cancel.user_address, "user_address")
        require_ids(cancel.order_ids)
        signature = cancel.signature if isinstance(cancel.signature, str) else cancel.signature_capital
        require_signer(cancel_digest(cancel.order_ids, wallet, self._domain), read_signature(signature), wallet)
        return wallet, cancel.order_ids

    def check_cancel_all(self, body: bytes) -> str:
        """Check the body of a cancel-all (protocol 4.11); returns the wallet."""
        cancel = read_body(body, CancelAllBody)
        self.require_chain(cancel.chain_id)
        wallet = read_address(cancel.wallet_address, "wallet_address")
        require_signer(text_digest(wallet), read_signature(cancel.signature), wallet)
        return wallet

    def require_chain(self, chain_id: int) -> None:
        """Refuse any chain but this venue's."""
        if chain_id != self._domain.chain_id:
            raise Refused(f"unknown chain_id {excerpt(chain_id)}: this venue trades on {self._domain.chain_id}")

    def _listed(self, place: PlaceOrderBody) -> ListedMarket:
        self.require_chain(place.chain_id)
        listed = self._markets.get(place.market_id.lower())
        if listed is None:
            raise Refused(f"unknown market_id {excerpt(place.market_id)}")
        if self._switches.now.check_outer_fields == "on" and place.market_symbol != listed.market.symbol:
            raise Refused(f"market_symbol must be {listed.market.symbol}, was {excerpt(place.market_symbol)}")
        return listed


def require_ids(order_ids: list[str]) -> None:
    """Refuse an empty or endless list of order ids."""
    if not order_ids:
        raise Refused("order_ids must name at least one order")
    if len(order_ids) > _MAX_CANCELS:
        raise Refused(f"order_ids may name at most {_MAX_CANCELS} orders, named {len(order_ids)}")


def require_signer(digest: bytes, signature: bytes, wallet: str) -> None:
    """Refuse a signature that was not made by the wallet."""
    try:
        signer = recover(digest, signature)
    except ValueError as error:
        raise Refused(f"invalid signature: {error}") from error
    if signer != wallet:
        raise Refused(f"invalid signature: it recovers to {signer}, not to {wallet}")


def check_terms(order: SignedOrder, listed: ListedMarket, now_secs: int, switches: Switches = _ALL_CHECKS) -> None:
    """Check tick size, lot size, minimum value and expiry of an order, as far as the switches want it."""
    _check_steps(order, listed, is_strict=switches.check_tick_and_lot == "on")
    if switches.check_minimum_value == "on":
        _check_value(order, listed)
    if order.expiry_time and order.expiry_time <= now_secs:
        raise Refused(f"expiryTime {order.expiry_time} has passed: the time is {now_secs}")


def _check_steps(order: SignedOrder, listed: ListedMarket, *, is_strict: bool) -> None:
    """Refuse what is zero, and if `is_strict` what is off tick or lot size."""
    market = listed.market
    tick_e18 = 10 ** (PRICE_DECIMALS - market.quote_precision) if is_strict else 1
    if order.price_e18 == 0 or order.price_e18 % tick_e18:
        raise Refused(
            f"price on {market.symbol} must be a positive multiple of the tick size {plain(market.tick_size)}, "
            f"was {order.signed_price} / 10^{order.form.price_decimals}"
        )
    lot_wei = 10 ** (market.base.decimals - market.base_precision) if is_strict else 1
    if order.total_quantity_wei == 0 or order.total_quantity_wei % lot_wei:
        raise Refused(
            f"quantity on {market.symbol} must be a positive multiple of the lot size {plain(market.lot_size)}, "
            f"was {order.total_quantity_wei} / 10^{market.base.decimals}"
        )


def _check_value(order: SignedOrder, listed: ListedMarket) -> None:
    market = listed.market
    value_wei = listed.value_wei(order.price_e18, order.total_quantity_wei)
    if value_wei < listed.min_order_value_wei:
        least = plain(market.quote.from_wei(listed.min_order_value_wei))
        value = plain(market.quote.from_wei(value_wei))
        raise Refused(f"order value must be at least {least} {market.quote.symbol}, was {value}")


def _read_order(place: PlaceOrderBody, form: OrderForm) -> SignedOrder:
    raw = read_body(place.raw_order_data.encode(errors="replace"), RawOrderData)
    expiry_time = read_uint256(raw.expiry_time, "expiryTime in raw_order_data")
    if expiry_time and not form.has_expiry:
        raise Refused(f"orders of this venue have no expiryTime, was {expiry_time}")
    return SignedOrder(
        base_token=read_address(raw.base_token, "baseToken in raw_order_data"),
        quote_token=read_address(raw.quote_token, "quoteToken in raw_order_data"),
        price_e18=read_uint256(raw.price, "price in raw_order_data") * form.price_unit_e18,
        total_quantity_wei=read_uint256(raw.total_quantity, "totalQuantity in raw_order_data"),
        is_buy=raw.is_buy,
        salt=read_uint256(raw.salt, "salt in raw_order_data"),
        maker=read_address(raw.maker, "maker in raw_order_data"),
        expiry_time=expiry_time,
        signature=read_signature(place.signature),
        form=form,
    )


def _compare_tokens(order: SignedOrder, listed: ListedMarket) -> None:
    """Refuse an order that was signed for another market."""
    market = listed.market
    _require_equal(
        ("baseToken in raw_order_data", order.base_token, market.base.address),
        ("quoteToken in raw_order_data", order.quote_token, market.quote.address),
    )


def _compare_outer_fields(place: PlaceOrderBody, order: SignedOrder) -> None:
    """Refuse a body that says something else than its owner signed. Tokens paid and received: protocol 4.7."""
    paid, received = order.base_token, order.quote_token
    if order.is_buy:
        paid, received = received, paid
    _require_equal(
        ("side", "buy" if read_side(place.side) else "sell", "buy" if order.is_buy else "sell"),
        ("base_asset", read_address(place.base_asset, "base_asset"), paid),
        ("quote_asset", read_address(place.quote_asset, "quote_asset"), received),
        ("volume_precision", place.volume_precision, str(order.total_quantity_wei)),
        ("price_precision", place.price_precision, str(order.signed_price)),
    )


def _require_equal(*comparisons: tuple[str, object, object]) -> None:
    for name, given, expected in comparisons:
        if given != expected:
            raise Refused(f"{name} must be {expected}, was {excerpt(given)}")
