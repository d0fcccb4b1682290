"""What a wallet can still spend, per token in its smallest unit. Pure: the caller reads, this adds up.

Tokens stay in the wallet until settlement (protocol 7.1), so balance and allowance say nothing of what is promised
already. An order *holds* what settling it may still cost. Holds are kept by order hash, so an order that is in the
venue's list, in the journal and was placed by this process counts once.

What settles after a reading has left the wallet, but the reading does not show it: it stays held until the next one.
Every doubt is resolved to less being available; a reading heals it, and one is always made before an order is refused.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Container, ItemsView, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tegro.errors import AllowanceMissing, InvalidInput, TegroError
from tegro.journal import JournalEntry
from tegro.model import Market, Order, OrderRequest, OrderStatus, Side, Token
from tegro.order_terms import EXACT, spending_wei
from tegro.settings import Environment

MAX_AGE_SECS: Final = 10.0
"""How old a reading may be for an order to rely on it."""

_log = logging.getLogger(__name__)


class TokenReading(Struct, frozen=True, kw_only=True):
    """What the chain says of one token, in its smallest unit."""

    balance_wei: int
    allowance_wei: int
    """What the exchange contract may move."""


class FundsReading(Struct, frozen=True, kw_only=True):
    """What was read at one time.

    Read the journal first, then the orders, then the balances. What happens in between is then counted twice for a
    moment, instead of never.
    """

    started_at_ms: int
    """When reading began, by the clock that `Funds` has."""
    tokens: Mapping[str, TokenReading]
    """By lower-case token address."""
    orders: Sequence[Order]
    """The wallet's orders that can still move funds: those that rest, and those matched but not settled
    (filter words `active` and `matched`, protocol 4.12), on every market. Others do no harm."""
    journaled: Sequence[JournalEntry]
    """The wallet's journaled orders whose fate is open: signed, unknown, absent."""


class Lack(StrEnum):
    """What there is too little of."""

    BALANCE = "balance"
    ALLOWANCE = "allowance"


class Shortfall(Struct, frozen=True, kw_only=True):
    """Why an order is not covered."""

    lack: Lack
    token: Token
    needed_wei: int
    """What the order itself may cost."""
    held_wei: int
    """What other orders hold."""
    present_wei: int
    """The balance or the allowance, whichever is lacking."""

    def error(self, environment: Environment) -> TegroError:
        """Return what to raise: `AllowanceMissing` with the command that helps, or `InvalidInput`."""
        token, shown = self.token, self.token.from_wei
        need = (
            f"the order may cost {shown(self.needed_wei):f} {token.symbol} and other orders hold "
            f"{shown(self.held_wei):f}"
        )
        if self.lack is Lack.BALANCE:
            return InvalidInput(f"{need}, but the wallet has only {shown(self.present_wei):f}")
        return AllowanceMissing(
            f"{need}, but the exchange contract may move only {shown(self.present_wei):f}; allow it with: "
            f"tegro allowance {token.symbol} --cap {shown(self.needed_wei + self.held_wei):f} "
            f"--env {environment.name} --chain {environment.chain}"
        )


class _Hold(Struct, kw_only=True, dict=True):
    """What one order holds. `live` and `filled` are in base. Nothing but `news_at_ms` ever changes in one of these."""

    market: Market
    side: Side
    price: Decimal
    live: Decimal
    """What may still settle: resting or matched."""
    filled: Decimal = Decimal(0)
    """What has settled, as last seen."""
    filled_in_reading: Decimal = Decimal(0)
    """What of it the last reading of the balance shows already."""
    has_ended: bool = False
    news_at_ms: int | None = None
    """When this process placed it or last heard of it outside a reading; None if it never did."""
    cost_wei: int | None = None
    """What it holds, where that is known from the signed message; None computes it from the amounts."""

    @cached_property
    def token_address(self) -> str:
        return spent_token(self.market, self.side).address

    @cached_property
    def notional(self) -> Decimal:
        return EXACT.multiply(self.price, self.live)

    @cached_property
    def wei(self) -> int:
        if self.cost_wei is not None:
            return self.cost_wei
        unread = max(EXACT.subtract(self.filled, self.filled_in_reading), Decimal(0))
        return spending_wei(self.market, self.side, self.price, EXACT.add(self.live, unread))

    def is_news_since(self, time_ms: int) -> bool:
        return self.news_at_ms is not None and self.news_at_ms >= time_ms


class _Holds:
    """All holds by order hash, with their totals: an order costs the same however many others are open."""

    def __init__(self, holds: Mapping[str, _Hold] | None = None) -> None:
        self._by_hash: dict[str, _Hold] = {}
        self._wei: defaultdict[str, int] = defaultdict(int)
        self._notional: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order_hash, hold in (holds or {}).items():
            self.keep(order_hash, hold)

    def get(self, order_hash: str) -> _Hold | None:
        return self._by_hash.get(order_hash)

    def items(self) -> ItemsView[str, _Hold]:
        return self._by_hash.items()

    def wei_of(self, token_address: str) -> int:
        return self._wei[token_address]

    def notional_of(self, market_id: str) -> Decimal:
        return self._notional[market_id]

    def keep(self, order_hash: str, hold: _Hold) -> None:
        """Put a hold in the place of the order's last one."""
        self.drop(order_hash)
        self._by_hash[order_hash] = hold
        self._wei[hold.token_address] += hold.wei
        self._notional[hold.market.id] = EXACT.add(self._notional[hold.market.id], hold.notional)

    def drop(self, order_hash: str) -> None:
        hold = self._by_hash.pop(order_hash, None)
        if hold is not None:
            self._wei[hold.token_address] -= hold.wei
            self._notional[hold.market.id] = EXACT.subtract(self._notional[hold.market.id], hold.notional)


class Funds:
    """What one wallet can still spend on one chain.

    A token that was never read counts as empty. The calls do no I/O and never wait. Between `cover` and `reserve` the
    caller must not wait either, or two orders could be covered by the same funds::

        if not funds.is_fresh(request) or funds.cover(request):
            funds.refresh(await read())
        if shortfall := funds.cover(request):
            raise shortfall.error(environment)
        funds.reserve(order_hash, request)

    Parameters
    ----------
    market_of
        Returns the market with an id; None if it is not known. An order there then holds nothing, and that is logged.
    clock_ms
        Time in milliseconds, best one that never jumps.
    max_age_secs
        How old a reading may be for an order to rely on it.
    """

    def __init__(
        self,
        market_of: Callable[[str], Market | None],
        *,
        clock_ms: Callable[[], int],
        max_age_secs: float = MAX_AGE_SECS,
    ) -> None:
        self._market_of = market_of
        self._clock_ms = clock_ms
        self._max_age_ms = int(max_age_secs * 1000)
        self._readings: dict[str, tuple[int, TokenReading]] = {}
        self._holds = _Holds()
        self._told_of: set[str] = set()

    def is_fresh(self, request: OrderRequest) -> bool:
        """Tell whether the last reading of what this order pays with is young enough to rely on."""
        reading = self._readings.get(spent_token(request.market, request.side).address)
        return reading is not None and 0 <= self._clock_ms() - reading[0] <= self._max_age_ms

    def cover(self, request: OrderRequest, cost_wei: int | None = None) -> Shortfall | None:
        """Return what is missing for an order beside all that is held, by the last reading; None if it is covered.

        Parameters
        ----------
        cost_wei
            What the order may cost, where that was computed before (`spending_wei`); None computes it.
        """
        token = spent_token(request.market, request.side)
        needed_wei = _cost_wei(request) if cost_wei is None else cost_wei
        held_wei = self.held_wei(token)
        _, reading = self._readings.get(token.address, _NOTHING)
        for lack, present_wei in ((Lack.BALANCE, reading.balance_wei), (Lack.ALLOWANCE, reading.allowance_wei)):
            if needed_wei + held_wei > present_wei:
                return Shortfall(
                    lack=lack, token=token, needed_wei=needed_wei, held_wei=held_wei, present_wei=present_wei
                )
        return None

    def available_wei(self, token: Token) -> int:
        """Return what a further order may cost by the last reading: never negative, 0 for a token never read."""
        _, reading = self._readings.get(token.address, _NOTHING)
        return max(min(reading.balance_wei, reading.allowance_wei) - self.held_wei(token), 0)

    def held_wei(self, token: Token) -> int:
        """Return what orders hold of a token, with what has settled since the last reading."""
        return self._holds.wei_of(token.address)

    def open_notional(self, market: Market) -> Decimal:
        """Return what the orders of a market that may still settle are worth, both sides, in quote, exactly."""
        return self._holds.notional_of(market.id)

    def reserve(self, order_hash: str, request: OrderRequest, cost_wei: int | None = None) -> None:
        """Hold what an order of this process may cost, from before it is signed. May be repeated; as `cover`."""
        if self._holds.get(order_hash) is None:
            hold = _Hold(
                market=request.market,
                side=request.side,
                price=request.price,
                live=request.quantity,
                news_at_ms=self._clock_ms(),
                cost_wei=cost_wei,
            )
            self._holds.keep(order_hash, hold)

    def release(self, order_hash: str) -> None:
        """Forget an order that can never execute: it was refused, or never sent. May be repeated."""
        self._holds.drop(order_hash)

    def observe(self, order: Order) -> None:
        """Take over what the venue says of an order of this wallet, from any reply, list or event. May be repeated.

        An order that was not held and has ended is no news. Words that are older than what is known are ignored.
        """
        known = self._holds.get(order.order_hash)
        if known is None:
            seen = None if order.is_done else self._hold_of(order)
        elif known.has_ended or order.filled < known.filled:
            return
        elif order.filled == known.filled and not order.is_done and live_quantity(order) == known.live:
            # Nothing of it has matched since, so it holds what its signed message says: the answer to most orders.
            known.news_at_ms = self._clock_ms()
            return
        else:
            seen = replace(
                known, live=live_quantity(order), filled=order.filled, has_ended=order.is_done, cost_wei=None
            )
        if seen is not None:
            self._holds.keep(order.order_hash, replace(seen, news_at_ms=self._clock_ms()))

    def refresh(self, reading: FundsReading) -> None:
        """Take over a reading. One that began before the last one of any of its tokens is ignored.

        What this process placed or heard of since the reading began is kept, and so is what orders hold of a token
        that was not read.
        """
        started_at_ms = reading.started_at_ms
        if any(self._readings.get(address, _NOTHING)[0] > started_at_ms for address in reading.tokens):
            return
        self._readings.update({address: (started_at_ms, token) for address, token in reading.tokens.items()})
        holds = self._holds_of(reading)
        for order_hash, known in self._holds.items():
            read = holds.get(order_hash)
            is_balance_read = known.token_address in reading.tokens
            if read is not None:
                holds[order_hash] = _merged(known, read, started_at_ms, is_balance_read=is_balance_read)
            elif known.is_news_since(started_at_ms) or not is_balance_read:
                holds[order_hash] = known
        self._holds = _Holds(holds)

    def _holds_of(self, reading: FundsReading) -> dict[str, _Hold]:
        found = {entry.order_hash: self._hold_of(entry) for entry in reading.journaled}
        found |= {order.order_hash: self._hold_of(order, reading.tokens) for order in reading.orders}
        return {order_hash: hold for order_hash, hold in found.items() if hold is not None}

    def _hold_of(self, order: Order | JournalEntry, tokens_read: Container[str] = ()) -> _Hold | None:
        market = self._market_of(order.market_id)
        if market is None:
            if order.market_id not in self._told_of:
                self._told_of.add(order.market_id)
                _log.warning("the funds of orders on market %s are not counted: it is not known", order.market_id)
            return None
        if isinstance(order, JournalEntry):
            return _Hold(market=market, side=order.side, price=order.price, live=order.quantity)
        is_balance_read = spent_token(market, order.side).address in tokens_read
        return _Hold(
            market=market,
            side=order.side,
            price=order.price,
            live=live_quantity(order),
            filled=order.filled,
            filled_in_reading=order.filled if is_balance_read else Decimal(0),
            has_ended=order.is_done,
        )


def _cost_wei(request: OrderRequest) -> int:
    return spending_wei(request.market, request.side, request.price, request.quantity)


def spent_token(market: Market, side: Side) -> Token:
    """Return the token that an order pays with: quote for a buy, base for a sell (protocol 7.1)."""
    return market.quote if side is Side.BUY else market.base


def live_quantity(order: Order) -> Decimal:
    """Return what of an order may still settle, in base: resting or matched. Of an unknown status, all that is left."""
    if order.status in (OrderStatus.CLOSED, OrderStatus.CANCELLED):
        return order.pending
    return max(EXACT.subtract(order.quantity, order.filled), Decimal(0))


def _merged(known: _Hold, read: _Hold, started_at_ms: int, *, is_balance_read: bool) -> _Hold:
    """Return the newer state of an order, with what the last reading of its token's balance shows of its fills."""
    newer = known if known.is_news_since(started_at_ms) and known.filled >= read.filled else read
    return replace(newer, filled_in_reading=(read if is_balance_read else known).filled_in_reading)


_NOTHING: Final = (0, TokenReading(balance_wei=0, allowance_wei=0))
