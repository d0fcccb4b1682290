"""What the exchange is made of, in exact numbers.

Prices and amounts a person reads are `Decimal` in human units: price in quote per base, quantity in base. What is
signed and settled is `int`: prices scaled by 10^18 on every market (`price_e18`), amounts in a token's smallest unit
(`_wei`, whatever its decimals). No `float` occurs.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from enum import StrEnum
from typing import Final

from msgspec import Struct

PRICE_DECIMALS: Final = 18
"""Decimals of the price inside a signed order, on every market (protocol 5.3)."""

_DIGITS: Final = 160
_EXACT: Final = Context(prec=_DIGITS, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
"""Wide enough for a product of two uint256 values; the default of 28 digits is not. Never rounds: it raises instead."""


class Side(StrEnum):
    """Side of an order or of a taker."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """What a trader means by a limit order: the venue knows no other kind (protocol 5.2)."""

    LIMIT = "limit"
    """Trades at once with what its price reaches; the rest rests."""
    LIMIT_MAKER = "limit_maker"
    """Meant to rest: refused before signing if it would trade at once. Nothing at the venue enforces it."""
    MARKET = "market"
    """Priced through the book to trade at once; what does not is cancelled."""


class OrderStatus(StrEnum):
    """Words the venue uses today. `closed` with a pending quantity is matched but not yet settled."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Any word this version does not know; the order is kept, never dropped."""


class TradeState(StrEnum):
    """How far a match has come on chain."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    UNKNOWN = "unknown"


class CancelCode:
    """Reasons for the end of an order (protocol 5.6)."""

    NONE: Final = 0
    USER: Final = 611
    INSUFFICIENT_FUNDS: Final = 711
    INSUFFICIENT_ALLOWANCE: Final = 712
    BELOW_MINIMUM: Final = 811


class Chain(Struct, frozen=True, kw_only=True):
    """An EVM chain as the venue lists it."""

    id: int
    name: str
    exchange_contract: str
    """EIP-712 verifying contract and ERC-20 spender."""
    settlement_contract: str
    default_quote_symbol: str
    default_quote_address: str
    min_order_value_wei: int
    """Smallest order value, in the smallest unit of the default quote token."""
    fee_percent: Decimal
    """What each side pays of what it receives, in percent (inferred, protocol 9)."""
    active: bool = True

    @property
    def fee_rate(self) -> Decimal:
        """The fee as a fraction: 0.05 percent is 0.0005."""
        return self.fee_percent / 100


class Token(Struct, frozen=True, kw_only=True):
    """An ERC-20 token. `address` is lower case."""

    address: str
    symbol: str
    decimals: int

    def to_wei(self, amount: Decimal) -> int:
        """Return a human amount in the smallest unit.

        Raises
        ------
        ValueError
            If the amount is finer than the token can hold.
        """
        return scaled(amount, self.decimals, f"amount of {self.symbol}")

    def from_wei(self, amount_wei: int) -> Decimal:
        """Return an amount of smallest units in human units, exactly."""
        return unscaled(amount_wei, self.decimals)


class Market(Struct, frozen=True, kw_only=True):
    """A pair on one chain. `symbol` is `BASE_QUOTE`."""

    id: str
    symbol: str
    chain_id: int
    base: Token
    quote: Token
    base_precision: int
    """Decimals allowed in an order quantity."""
    quote_precision: int
    """Decimals allowed in an order price."""
    state: str = "verified"

    @property
    def tick_size(self) -> Decimal:
        """Smallest step of a price, in quote per base."""
        return Decimal(1).scaleb(-self.quote_precision)

    @property
    def lot_size(self) -> Decimal:
        """Smallest step of a quantity, in base."""
        return Decimal(1).scaleb(-self.base_precision)

    @property
    def channel(self) -> str:
        """WebSocket channel of the public data; shared by markets with the same base token."""
        return f"{self.chain_id}/{self.base.address}"

    def price_e18(self, price: Decimal) -> int:
        """Return a price as it is signed: scaled by 10^18.

        Raises
        ------
        ValueError
            If the price is not a multiple of the tick size.
        """
        return _scaled_multiple(price, self.quote_precision, PRICE_DECIMALS, f"price on {self.symbol}", "tick size")

    def quantity_wei(self, quantity: Decimal) -> int:
        """Return a base quantity as it is signed: in the smallest unit of the base token.

        Raises
        ------
        ValueError
            If the quantity is not a multiple of the lot size.
        """
        what = f"quantity on {self.symbol}"
        return _scaled_multiple(quantity, self.base_precision, self.base.decimals, what, "lot size")

    def quote_wei(self, price_e18: int, quantity_wei: int) -> int:
        """Return what a fill costs in the smallest unit of the quote token, rounded down as the contract does.

        Source: protocol 5.3, price x quantity / 10^(18 + base decimals - quote decimals).
        """
        return quote_total_wei(price_e18, quantity_wei, self.base.decimals, self.quote.decimals)


class OrderRequest(Struct, frozen=True, kw_only=True):
    """What a trader means: the only thing from which data to sign is built."""

    market: Market
    side: Side
    price: Decimal
    """Limit price, quote per base; a multiple of the tick size."""
    quantity: Decimal
    """Base amount; a multiple of the lot size."""
    order_type: OrderType = OrderType.LIMIT
    """What the order is meant to do; it is no part of what is signed."""
    expiry_time: int = 0
    """Unix seconds; 0 means that the order never expires (unit inferred, protocol 5.2)."""
    client_order_id: str | None = None
    """Kept in the journal beside the hash; the venue has no field for it."""


class Order(Struct, frozen=True, kw_only=True):
    """An order as the venue reports it. Human units."""

    order_id: str
    order_hash: str
    """Lower-case hex with `0x`."""
    market_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    filled: Decimal
    """Matched and settled on chain (protocol 4.12)."""
    pending: Decimal
    """Matched, not yet settled."""
    average_price: Decimal
    status: OrderStatus
    cancel_code: int
    cancel_reason: str
    timestamp_ms: int

    @property
    def remaining(self) -> Decimal:
        """What can still match, in base; zero once the order has ended."""
        return self.quantity - self.filled - self.pending if self.is_open else Decimal(0)

    @property
    def is_open(self) -> bool:
        """Whether the order rests in the book."""
        return self.status is OrderStatus.OPEN

    @property
    def is_done(self) -> bool:
        """Whether nothing can change any more: ended, and all that matched has settled or failed."""
        return self.status in (OrderStatus.CLOSED, OrderStatus.CANCELLED) and self.pending == 0


class Trade(Struct, frozen=True, kw_only=True):
    """A match. Human units."""

    trade_id: str
    symbol: str
    price: Decimal
    quantity: Decimal
    state: TradeState
    is_buyer_maker: bool | None
    """Whether the buyer rested; None where the venue does not say."""
    maker: str
    taker: str
    """Wallet addresses, lower case."""
    maker_fee: Decimal
    taker_fee: Decimal
    """What each side paid, in the token that this side received (buyer: base, seller: quote)."""
    tx_hash: str | None
    timestamp_ms: int

    @property
    def taker_side(self) -> Side | None:
        """Side of the taker; None where the venue does not say."""
        if self.is_buyer_maker is None:
            return None
        return Side.SELL if self.is_buyer_maker else Side.BUY


class Fill(Struct, frozen=True, kw_only=True):
    """One wallet's side of a trade: the order and the trade that it had."""

    order: Order
    trade: Trade

    @property
    def is_maker(self) -> bool | None:
        """Whether the order rested; None where the venue does not say."""
        taker_side = self.trade.taker_side
        return None if taker_side is None else taker_side is not self.order.side

    @property
    def fee(self) -> Decimal | None:
        """What this side paid, in the token that it received (buyer: base, seller: quote); None where not known."""
        if self.is_maker is None:
            return None
        return self.trade.maker_fee if self.is_maker else self.trade.taker_fee


class Ticker(Struct, frozen=True, kw_only=True):
    """A market's last 24 hours. Human units; None where nothing traded or rests."""

    symbol: str
    last_price: Decimal | None
    best_bid: Decimal | None
    best_ask: Decimal | None
    high: Decimal | None
    low: Decimal | None
    base_volume: Decimal
    quote_volume: Decimal


class ChartBar(Struct, frozen=True, kw_only=True):
    """A candle as the venue's chart has it. Human units. The venue sends none where nothing traded."""

    open_time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    base_volume: Decimal | None = None
    """None where the venue does not say, as by default (protocol 10)."""
    quote_volume: Decimal | None = None


class BookLevel(Struct, frozen=True, gc=False):
    """A price and the plain total resting there (base). In a change, a quantity of zero removes the level."""

    price: Decimal
    quantity: Decimal


class BookSnapshot(Struct, frozen=True, kw_only=True):
    """A whole book of one market: bids from high to low, asks from low to high, whatever order the venue sent.

    The sides read like tuples. Those that a client has read may make a level only when it is looked at; `tuple(side)`
    makes all.
    """

    symbol: str
    bids: Sequence[BookLevel]
    asks: Sequence[BookLevel]
    timestamp_ms: int


class BookChange(Struct, frozen=True, kw_only=True):
    """New absolute totals of the levels that changed."""

    symbol: str
    bids: Sequence[BookLevel]
    asks: Sequence[BookLevel]
    timestamp_ms: int


class Balance(Struct, frozen=True, kw_only=True):
    """A wallet's holding of one token, in human units."""

    token: Token
    total: Decimal
    reserved: Decimal
    """What open orders hold, as the venue reports it."""

    @property
    def available(self) -> Decimal:
        """Total less reserved, never negative."""
        return max(self.total - self.reserved, Decimal(0))


def scaled(value: Decimal, decimals: int, what: str) -> int:
    """Return `value` x 10^`decimals` as an integer.

    Raises
    ------
    ValueError
        If the value is no `Decimal`, is not finite, is absurdly large, or has more decimals than that; `what` names it
        in the message.
    """
    require_decimal(value, what)
    if not value.is_finite():
        message = f"{what} must be a finite number, was {value}"
        raise ValueError(message)
    if value.adjusted() + decimals >= _DIGITS:
        message = f"{what} is out of range, was {_shown(value)}"
        raise ValueError(message)
    units = _whole_units(value, decimals)
    if units is None:
        message = f"{what} may have at most {decimals} decimals, was {_shown(value)}"
        raise ValueError(message)
    return units


def require_decimal(value: object, what: str) -> None:
    """Refuse a number that is no `Decimal`: a float was rounded before it came here, and nobody would see it.

    Raises
    ------
    ValueError
        If it is none; `what` names it in the message.
    """
    if not isinstance(value, Decimal):
        message = f'{what} must be a Decimal such as Decimal("0.1"), was {value!r}'
        raise ValueError(message)  # noqa: TRY004  one kind of error for every number that cannot be right


def unscaled(value: int, decimals: int) -> Decimal:
    """Return `value` / 10^`decimals`, exactly and without trailing zeros."""
    with localcontext(_EXACT):
        exact = Decimal(value).scaleb(-decimals).normalize()
        return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` (above zero) that is not above `value`."""
    with localcontext(_EXACT):
        multiple = value // step * step  # truncates, so a negative value ends above itself
        return multiple - step if multiple > value else multiple


def quote_total_wei(price_e18: int, quantity_wei: int, base_decimals: int, quote_decimals: int) -> int:
    """Return price x quantity / 10^(18 + base decimals - quote decimals), rounded down (protocol 5.3)."""
    exponent = PRICE_DECIMALS + base_decimals - quote_decimals
    product = price_e18 * quantity_wei
    total: int = product // 10**exponent if exponent >= 0 else product * 10**-exponent
    return total


def timestamp_to_ms(timestamp: int) -> int:
    """Return a venue timestamp in milliseconds: a value under 10^11 is seconds (protocol 3.5)."""
    return timestamp * 1000 if timestamp < 10**11 else timestamp


def _scaled_multiple(value: Decimal, precision: int, decimals: int, what: str, step_name: str) -> int:
    """Return `value` x 10^`decimals` for a value above zero that is a multiple of 10^-`precision`."""
    require_decimal(value, what)
    if not value.is_finite() or value <= 0:
        message = f"{what} must be above zero, was {_shown(value)}"
        raise ValueError(message)
    if value.adjusted() + max(precision, decimals) >= _DIGITS or precision > decimals:
        return scaled(value, decimals, what)
    steps = _whole_units(value, precision)
    if steps is None:
        step = Decimal(1).scaleb(-precision)
        message = f"{what} must be a multiple of the {step_name} {step:f}, was {_shown(value)}"
        raise ValueError(message)
    units: int = steps * 10 ** (decimals - precision)
    return units


def _whole_units(value: Decimal, decimals: int) -> int | None:
    """Return `value` x 10^`decimals`, or None if that is no integer. It must have less than `_DIGITS` digits."""
    try:
        exact = _EXACT.scaleb(value, decimals)
    except Inexact:  # so many digits that some lie behind the decimal point
        return None
    units = int(exact)
    return units if units == exact else None


def _shown(value: Decimal) -> str:
    """Return a number for a message: plain unless that would be a screen full of zeros."""
    is_plain = value.is_finite() and abs(value.adjusted()) < 40
    return f"{value:f}" if is_plain else str(value)
