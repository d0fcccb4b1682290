"""Wire structs to model values: pure, and tolerant of every spelling that the venue has used.

A function raises `ValueError` where a value cannot be read; the caller, who knows what was asked for, turns it into
`tegro.errors.BadReply`.
"""

import re
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from typing import Final

from msgspec import UNSET, Raw, Struct, UnsetType, ValidationError

from tegro import wire
from tegro.model import (
    Balance,
    BookChange,
    BookLevel,
    BookSnapshot,
    Chain,
    ChartBar,
    Market,
    Order,
    OrderStatus,
    Side,
    Ticker,
    Token,
    Trade,
    TradeState,
    timestamp_to_ms,
)
from tegro.resting_levels import LevelText, resting_levels

_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
MAX_DECIMALS: Final = 77
"""10^77 is the largest power of ten in a uint256."""
_LEAST: Final = Decimal(1).scaleb(-MAX_DECIMALS - 1)
_TOO_MUCH: Final = Decimal(1).scaleb(MAX_DECIMALS + 1)

_STATUSES: Final = {
    "open": OrderStatus.OPEN,
    "closed": OrderStatus.CLOSED,
    "cancelled": OrderStatus.CANCELLED,
    # The words of the filter and of captures before July 2024 (protocol 4.8, 5.4).
    "active": OrderStatus.OPEN,
    "matched": OrderStatus.CLOSED,
    "completed": OrderStatus.CLOSED,
}
_SIDES: Final = {side.value: side for side in Side}
_STATES: Final = {state.value: state for state in TradeState}


class DepthReading(Struct, kw_only=True):
    """`wire.DepthSnapshot` as a client reads it: numbers, quoted or bare, go from the text straight to exact decimals.

    That is several times quicker than through `NumberLiteral`, and a book has two numbers in each of its many levels.
    """

    timestamp: int = 0
    bids: list[BookLevel] | None = None
    asks: list[BookLevel] | None = None


class DepthText(Struct, kw_only=True):
    """`DepthReading` as the venue writes it today, its numbers left as text."""

    timestamp: int = 0
    bids: list[LevelText] | None = None
    asks: list[LevelText] | None = None


class DiffReading(DepthReading, kw_only=True):
    """`wire.BookDiff` as a client reads it."""

    symbol: str


def chain_of(info: wire.ChainInfo) -> Chain:
    """Read a row of the chain list (protocol 4.1)."""
    quote = info.default_quote_token_contract_address
    return Chain(
        id=info.id,
        name=info.name,
        exchange_contract=_address(info.exchange_contract),
        settlement_contract=_address(info.settlement_contract) if info.settlement_contract else "",
        default_quote_symbol=info.default_quote_token_symbol,
        default_quote_address=_address(quote) if quote else "",
        min_order_value_wei=_whole(_number(info.min_order_value)),
        fee_percent=_number(info.fee),
        active=info.active,
    )


def market_of(info: wire.MarketInfo, chain_id: int) -> Market:
    """Read a market (protocol 4.2). `chain_id` is the one that was asked for; a market of another is refused."""
    written = info.chain_id if info.chain_id is not UNSET else info.chain_id_camel
    if written is not UNSET and written != chain_id:
        raise ValueError(f"market {info.symbol} is on chain {written}, not on {chain_id}")
    return Market(
        id=info.id,
        symbol=info.symbol,
        chain_id=chain_id,
        base=_token(info.base_contract_address, info.base_symbol, info.base_decimal),
        quote=_token(info.quote_contract_address, info.quote_symbol, info.quote_decimal),
        base_precision=_decimals(info.base_precision, "base_precision"),
        quote_precision=_decimals(info.quote_precision, "quote_precision"),
        state=info.state,
    )


def ticker_of(info: wire.MarketInfo) -> Ticker:
    """Read the 24-hour figures inside a market object; the venue's zero means that there is none."""
    ticker = info.ticker
    return Ticker(
        symbol=info.symbol,
        last_price=_number(ticker.price) or None,
        best_bid=_number(ticker.bid_high) or None,
        best_ask=_number(ticker.ask_low) or None,
        high=_number(ticker.price_high_24h) or None,
        low=_number(ticker.price_low_24h) or None,
        base_volume=_number(ticker.base_volume),
        quote_volume=_number(ticker.quote_volume),
    )


def order_of(info: wire.OrderInfo) -> Order:
    """Read an order (protocol 4.12). A status that is not known becomes `UNKNOWN`, so that no order is dropped."""
    return Order(
        order_id=info.order_id,
        order_hash=hash_of(info.order_hash),
        market_id=info.market_id,
        side=_side(info.side),
        price=_number(info.price),
        quantity=_number(info.quantity),
        filled=_number(info.quantity_filled),
        pending=_number(info.quantity_pending),
        average_price=_number(info.avg_price),
        status=_STATUSES.get(info.status.lower(), OrderStatus.UNKNOWN),
        cancel_code=info.cancel.code,
        cancel_reason=info.cancel.reason,
        timestamp_ms=timestamp_to_ms(info.timestamp),
    )


def trade_of(info: wire.TradeInfo) -> Trade:
    """Read a fill (protocol 4.13, 8.5). The price is the one the contract pays, where the venue states it apart."""
    transaction = info.tx_hash or info.tx_hash_camel or ""
    return Trade(
        trade_id=info.id,
        symbol=info.symbol,
        price=_number(info.price if info.settled_price is UNSET else info.settled_price),
        quantity=_number(info.amount),
        state=_STATES.get(info.state.lower(), TradeState.UNKNOWN),
        is_buyer_maker=_is_buyer_maker(info),
        maker=info.maker.lower(),
        taker=info.taker.lower(),
        maker_fee=_optional_number(info.maker_fee),
        taker_fee=_optional_number(info.taker_fee),
        tx_hash=hash_of(transaction) or None,
        timestamp_ms=timestamp_to_ms(info.timestamp),
    )


def balance_of(entry: wire.PortfolioEntry) -> Balance:
    """Read a wallet's holding of one token (protocol 4.14)."""
    return Balance(
        token=_token(entry.address, entry.symbol, entry.decimal),
        total=_number(entry.balance),
        reserved=_number(entry.placed_amount),
    )


def read_snapshot(body: bytes | Raw, symbol: str) -> BookSnapshot:
    """Read a whole book (protocol 4.4), checked and sorted here. What is written plainly stays text until it is used.

    Raises
    ------
    msgspec.DecodeError, ValueError
        If it cannot be read, or a value cannot be right.
    """
    try:
        depth = wire.decode(body, DepthText)
    except ValidationError:  # bare numbers, or what is wrong in any spelling
        return snapshot_of(wire.decode(body, DepthReading), symbol)
    sides = resting_levels(depth.bids or [], depth.asks or [])
    if sides is None:
        return snapshot_of(wire.decode(body, DepthReading), symbol)
    bids, asks = sides
    return BookSnapshot(symbol=symbol, bids=bids, asks=asks, timestamp_ms=timestamp_to_ms(depth.timestamp))


def snapshot_of(depth: DepthReading, symbol: str) -> BookSnapshot:
    """Read a whole book (protocol 4.4), sorted here: the venue sends both sides from high to low."""
    return BookSnapshot(
        symbol=symbol,
        bids=_resting(depth.bids, is_falling=True),
        asks=_resting(depth.asks, is_falling=False),
        timestamp_ms=timestamp_to_ms(depth.timestamp),
    )


def change_of(diff: DiffReading) -> BookChange:
    """Read the levels that changed (protocol 8.4): absolute totals, zero removes the level."""
    return BookChange(
        symbol=diff.symbol,
        bids=_levels(diff.bids),
        asks=_levels(diff.asks),
        timestamp_ms=timestamp_to_ms(diff.timestamp),
    )


def chart_bar_of(bar: wire.ChartBar) -> ChartBar:
    """Read a candle of the chart (protocol 10)."""
    read = ChartBar(
        open_time_ms=timestamp_to_ms(bar.time),
        open=_number(bar.open),
        high=_number(bar.high),
        low=_number(bar.low),
        close=_number(bar.close),
        base_volume=None if bar.volume is UNSET else _number(bar.volume),
        quote_volume=None if bar.quote_volume is UNSET else _number(bar.quote_volume),
    )
    if not 0 < read.low <= min(read.open, read.close) <= max(read.open, read.close) <= read.high:
        raise ValueError(f"a bar needs 0 < low <= open, close <= high, was {read}")
    return read


def hash_of(text: str) -> str:
    """Return an order or transaction hash in lower case with `0x`; empty stays empty."""
    digits = text.lower().removeprefix("0x")
    return f"0x{digits}" if digits else ""


def amount_of(literal: wire.NumberLiteral) -> Decimal:
    """Return a bare number of the wire, such as a single balance (protocol 4.15)."""
    return _number(literal)


def _resting(levels: list[BookLevel] | None, *, is_falling: bool) -> tuple[BookLevel, ...]:
    """Return one side of a book, sorted, without what is empty."""
    found = [level for level in _levels(levels) if level.quantity]
    found.sort(key=attrgetter("price"), reverse=is_falling)
    return tuple(found)


def _levels(levels: list[BookLevel] | None) -> tuple[BookLevel, ...]:
    """Return levels of which each is possible."""
    if not levels:
        return ()
    # A book has many levels, nearly always right and not empty: one quick look at each, and a closer one if need be.
    try:
        sound = [_LEAST <= level.price < _TOO_MUCH and _LEAST <= level.quantity < _TOO_MUCH for level in levels]
    except InvalidOperation:  # NaN, which cannot be compared
        sound = [False] * len(levels)
    if all(sound):
        return tuple(levels)
    return tuple(level if is_sound else _checked_level(level) for level, is_sound in zip(levels, sound, strict=True))


def _checked_level(level: BookLevel) -> BookLevel:
    price, quantity = _in_range(level.price), _in_range(level.quantity)
    if price <= 0 or quantity < 0:
        raise ValueError(f"a book level needs a price above zero and no negative total, was {level}")
    return BookLevel(price, quantity)


def _side(text: str) -> Side:
    side = _SIDES.get(text.lower())
    if side is None:
        raise ValueError(f"expected the side buy or sell, was {text[:20]!r}")
    return side


def _is_buyer_maker(info: wire.TradeInfo) -> bool | None:
    if info.is_buyer_maker is not UNSET:
        return info.is_buyer_maker
    if info.taker_type:
        return _side(info.taker_type) is Side.SELL
    return None


def _token(address: str, symbol: str, decimals: int) -> Token:
    return Token(address=_address(address), symbol=symbol, decimals=_decimals(decimals, f"decimals of {symbol}"))


def _address(text: str) -> str:
    address = text.lower()
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"expected an address of 0x and 40 hex digits, was {text[:60]!r}")
    return address


def _decimals(value: int, what: str) -> int:
    if not 0 <= value <= MAX_DECIMALS:
        raise ValueError(f"{what} must lie between 0 and {MAX_DECIMALS}, was {value}")
    return value


def _whole(value: Decimal) -> int:
    if value != value.to_integral_value() or value < 0:
        raise ValueError(f"expected a whole number of smallest units, was {value}")
    return int(value)


def _optional_number(literal: wire.NumberLiteral | UnsetType) -> Decimal:
    return Decimal(0) if literal is UNSET else _number(literal)


def _number(literal: wire.NumberLiteral) -> Decimal:
    value = wire.decimal_of(literal)
    return value if _LEAST <= value < _TOO_MUCH else _in_range(value)


def _in_range(value: Decimal) -> Decimal:
    """Return a number of the wire; zero without sign and exponent."""
    # No uint256 has more digits; written out in full, "1e999999999" would fill the memory.
    if not value.is_finite() or (value and not -MAX_DECIMALS - 1 <= value.adjusted() <= MAX_DECIMALS):
        raise ValueError(f"a number on the wire is out of range: {str(value)[:40]}")
    return value or Decimal(0)
