"""Limits on orders, set by the user and refused before anything is signed. Cancels are never limited.

A file `tegro.toml` may hold, for each environment::

    [mainnet.limits]
    max_order_value = "500"       # most that one order may be worth, in the market's quote token
    max_open_notional = "2000"    # most that the open orders of one market may be worth together, in its quote token
    max_distance_bps = 300        # how far from the mid price an order may be, in basis points
    max_orders_per_sec = 5        # over all markets; as many may go at once

    [mainnet.limits.WETH_USDC]    # the first three again, for one market by its symbol or id: these win
    max_order_value = "100"

What is left out has no limit.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from tegro.errors import InvalidInput, LimitExceeded
from tegro.model import Market, OrderRequest
from tegro.order_terms import EXACT

_BPS: Final = 10_000
_RATE_KEY: Final = "max_orders_per_sec"
_SCALE: Final = 1000
"""Parts of one order in the token bucket: with these, orders per second is parts per millisecond."""


class MarketLimits(Struct, frozen=True, kw_only=True):
    """Limits of one market. None means no limit."""

    max_order_value: Decimal | None = None
    """In quote."""
    max_open_notional: Decimal | None = None
    """In quote; both sides together, the new order included."""
    max_distance_bps: int | None = None
    """From the mid price, on either side of it."""


class Limits(Struct, frozen=True, kw_only=True):
    """All limits of one environment."""

    every_market: MarketLimits = MarketLimits()
    markets: Mapping[str, MarketLimits] = field(default_factory=dict)
    """Limits of single markets, by symbol or id."""
    max_orders_per_sec: int | None = None
    """Over all markets."""

    def table_of(self, market: Market) -> str | None:
        """Return the key of the market's own table: its id wins over its symbol; None where it has none."""
        return next((key for key in (market.id, market.symbol) if key in self.markets), None)

    def require_known(self, markets: Iterable[Market]) -> None:
        """Refuse a limit of a market that does not exist: it may be misspelt, and then protects nothing.

        Raises
        ------
        InvalidInput
            If there is one.
        """
        known = {name for market in markets for name in (market.id, market.symbol)}
        unknown = sorted(set(self.markets) - known)
        if unknown:
            raise InvalidInput(f"the settings limit a market {unknown[0]!r}, which the venue does not have")


class LimitGuard:
    """Holds new orders against the limits.

    Parameters
    ----------
    limits
        What the user set.
    environment
        Name of the environment: it is part of the setting that a refusal names.
    """

    def __init__(self, limits: Limits, environment: str) -> None:
        self._limits = limits
        self._has_none = limits == Limits()
        self._environment = environment
        self._parts: int | None = None
        self._filled_at_ms = 0

    def needs_mid(self, market: Market) -> bool:
        """Tell whether an order on this market can only be checked where the mid price is known."""
        return self._limit(market, "max_distance_bps")[0] is not None

    def check(self, request: OrderRequest, *, mid: Decimal | None, open_notional: Decimal, now_ms: int) -> None:
        """Let a new order pass, and count it.

        An order that another limit refuses does not count as one of the second.

        Parameters
        ----------
        mid
            Middle between best bid and best ask, in quote; None if it is not known, which refuses only where a
            distance is set.
        open_notional
            What the market's open orders are worth, in quote, without this one (`Funds.open_notional`).
        now_ms
            A time in milliseconds, best of a clock that never jumps.

        Raises
        ------
        LimitExceeded
            If a limit forbids it. Nothing was counted.
        """
        if self._has_none:
            return
        value = EXACT.multiply(request.price, request.quantity)
        self._check_value(request.market, value)
        self._check_open_notional(request.market, EXACT.add(open_notional, value))
        self._check_distance(request, mid)
        self._take_turn(now_ms)

    def _check_value(self, market: Market, value: Decimal) -> None:
        name = "max_order_value"
        limit, setting = self._limit(market, name)
        if limit is not None and value > limit:
            raise LimitExceeded(
                f"the order is worth {value.normalize(EXACT):f} {market.quote.symbol}, "
                f"above the limit of {limit:f} ({setting})"
            )

    def _check_open_notional(self, market: Market, value: Decimal) -> None:
        limit, setting = self._limit(market, "max_open_notional")
        if limit is not None and value > limit:
            raise LimitExceeded(
                f"with this order the open ones on {market.symbol} would be worth {value.normalize(EXACT):f} "
                f"{market.quote.symbol}, above the limit of {limit:f} ({setting})"
            )

    def _check_distance(self, request: OrderRequest, mid: Decimal | None) -> None:
        limit, setting = self._limit(request.market, "max_distance_bps")
        if limit is None:
            return
        if mid is None:
            raise LimitExceeded(
                f"the mid price of {request.market.symbol} is not known, so the limit of {limit} basis points from it "
                f"cannot be checked ({setting})"
            )
        distance = EXACT.multiply(abs(EXACT.subtract(request.price, mid)), Decimal(_BPS))
        if distance > EXACT.multiply(limit, mid):
            raise LimitExceeded(
                f"the price {request.price:f} is further than {limit} basis points from the mid price {mid:f} of "
                f"{request.market.symbol} ({setting})"
            )

    def _take_turn(self, now_ms: int) -> None:
        rate = self._limits.max_orders_per_sec
        if rate is None:
            return
        capacity = rate * _SCALE
        if self._parts is None:
            self._parts, self._filled_at_ms = capacity, now_ms
        elapsed_ms = max(now_ms - self._filled_at_ms, 0)
        self._parts = min(self._parts + elapsed_ms * rate, capacity)
        self._filled_at_ms = now_ms
        if self._parts < _SCALE:
            raise LimitExceeded(
                f"more than {rate} orders in a second ({_RATE_KEY} in [{self._environment}.limits]); wait a moment"
            )
        self._parts -= _SCALE

    def _limit(self, market: Market, name: str) -> tuple[Decimal | None, str]:
        """Return a limit and the words for where it is set."""
        table = self._limits.table_of(market)
        if table is not None:
            own = getattr(self._limits.markets[table], name)
            if own is not None:
                return own, f"{name} in [{self._environment}.limits.{table}]"
        return getattr(self._limits.every_market, name), f"{name} in [{self._environment}.limits]"


def read_limits(members: Mapping[str, object], where: str) -> Limits:
    """Return the limits that a table of the settings file states.

    Parameters
    ----------
    members
        The table.
    where
        Words for the place of the table, for messages.

    Raises
    ------
    InvalidInput
        If a key or a value is not one that is known.
    """
    general: dict[str, object] = {}
    markets: dict[str, MarketLimits] = {}
    for key, value in members.items():
        if isinstance(value, dict):
            markets[key] = _market_limits(value, f"{where} {key}")
        elif key != _RATE_KEY:
            general[key] = value
    rate = members.get(_RATE_KEY)
    return Limits(
        every_market=_market_limits(general, where),
        markets=MappingProxyType(markets),
        max_orders_per_sec=None if rate is None else _whole(rate, f"{where} {_RATE_KEY}"),
    )


def read_amount(raw: object, where: str) -> Decimal:
    """Return an amount of the settings file, exactly: a text or a whole number, not below zero, or refuse it."""
    # A TOML number with a point would be a binary float; a text is exact.
    try:
        amount = Decimal(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InvalidInput(f'{where} must be an amount in quotes such as "1000", was {raw!r}')
    return amount


def _market_limits(members: Mapping[str, object], where: str) -> MarketLimits:
    unknown = sorted(set(members) - set(MarketLimits.__struct_fields__))
    if unknown:
        known = ", ".join(MarketLimits.__struct_fields__)
        raise InvalidInput(f"{where} has an unknown key {unknown[0]!r}; known are {known}")
    values = dict(members)
    distance = values.pop("max_distance_bps", None)
    return MarketLimits(
        **{name: read_amount(value, f"{where} {name}") for name, value in values.items()},
        max_distance_bps=None if distance is None else _whole(distance, f"{where} max_distance_bps"),
    )


def _whole(raw: object, where: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 1:
        raise InvalidInput(f"{where} must be a whole number above zero, was {raw!r}")
    return raw
