"""The life cycle of orders without a chain and without sockets: what it says, what it writes down, what it keeps back.

The first half is a listener that knows nothing but the stream: it must always have the venue's own picture.
"""

import random
import uuid
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tegro.model import CancelCode, Market, OrderStatus, Side, Token, TradeState
from tegro.wire import encode
from tegro_localnet.announcer import Announcer
from tegro_localnet.dialect import Dialect
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.events import EventHub, Subscriber
from tegro_localnet.journal.commands import (
    BatchSent,
    BatchUnsent,
    Cancelled,
    ChainFollowed,
    Entry,
    Expired,
    HoldingRead,
    Matched,
    OrderAdded,
    OrderEnded,
    Placed,
    PrecisionsChanged,
    TradeFailed,
    TradeSettled,
    TradesUnsettled,
)
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.switches import SwitchBoard, Switches
from tegro_localnet.trades import TradeRecord

BASE = Token(address="0x" + "ba" * 20, symbol="BASE", decimals=3)
QUOTE = Token(address="0x" + "c0" * 20, symbol="QUOTE", decimals=2)
MARKET = Market(
    id="1_b_q", symbol="BASE_QUOTE", chain_id=1, base=BASE, quote=QUOTE, base_precision=3, quote_precision=2
)
LEAST_VALUE_WEI = 20
ONE, TWO, THREE = WALLETS = ["0x" + f"{number:040x}" for number in range(1, 4)]
START_MS = 1_700_000_000_500
RICH = 10**9
SEED = 5


class Venue:
    """A life cycle, its clock, its journal, and what is heard of it."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.hub = EventHub()
        self.dialect = Dialect(SwitchBoard(Switches()))
        self.core = SharedLifecycle(
            markets={MARKET.id: ListedMarket(MARKET, LEAST_VALUE_WEI)},
            ledger=Ledger(),
            announcer=Announcer(self.hub, self.dialect, lambda: self.now_ms),
            fee_bps=70,
            clock_ms=lambda: self.now_ms,
            rng=random.Random(SEED),
        )
        self.journal: list[Entry] = []
        self.core.steps.write_to(self.journal.append)
        self.heard = Listener()
        for channel in (MARKET.channel, *WALLETS):
            self.hub.subscribe(self.heard, channel)
        for wallet in WALLETS:
            for token in (BASE, QUOTE):
                self.core.take_holding(wallet, token.address, RICH, RICH)
        self.journal.clear()

    @property
    def book(self) -> Any:
        return self.core.markets[MARKET.id].book

    def place(self, wallet: str, side: str, price: int, quantity: int, expiry_time: int = 0) -> OrderRecord:
        """Take an order in; the price in hundredths, the quantity in the smallest unit."""
        number = len(list(self.core.orders)) + 1
        order = SignedOrder(
            base_token=BASE.address,
            quote_token=QUOTE.address,
            price_e18=price * 10**16,
            total_quantity_wei=quantity,
            is_buy=side == "buy",
            salt=number,
            maker=wallet,
            expiry_time=expiry_time,
        )
        answer = self.core.accept(order, MARKET.id, f"{number:064x}")
        assert (answer.status, answer.order_hash, answer.side) == ("open", f"{number:064x}", side)
        return self.core.orders[answer.order_id]

    def trade(self) -> TradeRecord:
        """Match one order of each of the first two wallets; the sell order rests."""
        self.place(TWO, "sell", 100, 1000)
        self.place(ONE, "buy", 100, 1000)
        return list(self.core.trades)[-1]

    def lose(self, wallet: str, token: Token, balance: int = 0, allowance: int = RICH) -> None:
        self.core.take_holding(wallet, token.address, balance, allowance)

    def commands(self) -> list[Any]:
        return [entry.command for entry in self.journal]


class Listener(Subscriber):
    """Somebody who follows the market and all wallets, and keeps the last word about each thing."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.frames: list[Any] = []
        self.orders: dict[str, Any] = {}
        self.trades: dict[str, Any] = {}
        self.users_trades: dict[str, Any] = {}
        self.book: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def offer(self, encoded: bytes, fault: object = None, latency_us: int = 0) -> None:
        frame = msgspec.json.decode(encoded)
        action, data = frame["action"], frame["data"]
        self.actions.append(action)
        self.frames.append(data)
        if action.startswith("order_book"):
            for side, totals in self.book.items():
                for level in data[side] or ():
                    totals[Decimal(level["price"])] = Decimal(level["quantity"])
        elif action.startswith("user_trade"):
            self.users_trades[data["id"]] = data
        elif action.startswith("trade"):
            self.trades[data["id"]] = data
        else:
            self.orders[data["order_id"]] = data

    def clear(self) -> None:
        self.actions.clear()
        self.frames.clear()


def as_told(view: object) -> Any:
    return msgspec.json.decode(encode(view))


def quote_wei(price_e18: int, quantity_wei: int) -> int:
    return int(Fraction(price_e18, 10**18) * Fraction(quantity_wei, 10**BASE.decimals) * 10**QUOTE.decimals)


numbers = st.integers(min_value=0, max_value=10**6)
wallets = st.sampled_from(WALLETS)
sides = st.sampled_from(["buy", "sell"])
orders = st.tuples(wallets, sides, st.integers(98, 102), st.integers(200, 4_000), st.sampled_from([0, 0, 0, 1, 2, 9]))
verdicts = st.lists(st.sampled_from(["settled", "settled", "refused", "Order expired"]), min_size=5, max_size=5)


class WhoListensKnowsEverything(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.venue = Venue()
        self.core = self.venue.core

    @rule(placed=st.lists(orders, min_size=1, max_size=5))
    def place_some(self, placed: list[tuple[str, str, int, int, int]]) -> None:
        for wallet, side, price, quantity, lifetime_secs in placed:
            expiry_time = self.venue.now_ms // 1000 + lifetime_secs if lifetime_secs else 0
            self.venue.place(wallet, side, price, quantity, expiry_time)

    @precondition(lambda self: list(self.core.orders))
    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        records = list(self.core.orders)
        record = records[number % len(records)]
        self.core.end_orders(self.core.open_orders(record.order.maker, [record.order_id]), CancelCode.USER)
        assert not record.is_open

    @rule(wallet=wallets, token=st.sampled_from([BASE, QUOTE]), balance=st.sampled_from([0, 100, 1000, RICH]))
    def move_tokens(self, wallet: str, token: Token, balance: int) -> None:
        self.venue.lose(wallet, token, balance)

    @rule(milliseconds=st.sampled_from([1, 499, 500, 1000, 5000]))
    def wait(self, milliseconds: int) -> None:
        self.venue.now_ms += milliseconds
        self.core.end_expired()
        now_secs = self.venue.now_ms // 1000
        assert not any(record.is_open and 0 < record.order.expiry_time <= now_secs for record in self.core.orders)

    @rule(limit=st.integers(1, 5), fates=verdicts, is_lost=st.sampled_from([False, False, True]))
    def settle_a_batch(self, limit: int, fates: list[str], *, is_lost: bool) -> None:
        batch = self.core.trades.next_unsettled(limit)
        if not batch:
            return
        self.core.send_batch(batch, 7)
        assert self.core.in_flight == BatchSent(trade_ids=tuple(trade.trade_id for trade in batch), after_block=7)
        if is_lost:
            self.core.batch_unsent()
            assert self.core.trades.next_unsettled(limit) == batch
            self.core.trades.put_back(batch)
        else:
            for trade, fate in zip(batch, fates, strict=False):
                assert self.core.in_flight is not None
                if fate == "settled":
                    self.core.settle(trade, "0x600d")
                else:
                    self.core.fail(trade, "0xbad", fate)
        assert self.core.in_flight is None

    @rule(count=st.integers(1, 3))
    def take_blocks_back(self, count: int) -> None:
        settled = [trade for trade in self.core.trades if trade.state is TradeState.SUCCESS][-count:]
        if settled:
            self.core.unsettle(settled)
            assert self.core.trades.next_unsettled(len(settled)) == settled
            self.core.trades.put_back(settled)

    @invariant()
    def orders_and_trades_are_as_they_were_told(self) -> None:
        heard, dialect = self.venue.heard, self.venue.dialect
        assert heard.orders == {record.order_id: as_told(dialect.order(record)) for record in self.core.orders}
        trades = {trade.trade_id: as_told(dialect.event_trade(trade)) for trade in self.core.trades}
        assert heard.trades == heard.users_trades == trades

    @invariant()
    def the_book_is_what_the_changes_make_of_it(self) -> None:
        for side, told in zip(Side, (self.venue.heard.book["bids"], self.venue.heard.book["asks"]), strict=True):
            levels = {Decimal(p).scaleb(-18): Decimal(q).scaleb(-3) for p, q in self.venue.book.levels(side)}
            assert {price: total for price, total in told.items() if total} == levels

    @invariant()
    def what_is_reserved_is_what_open_orders_and_pending_matches_cost(self) -> None:
        needed = dict.fromkeys([(wallet, side) for wallet in WALLETS for side in Side], 0)
        for record in self.core.orders:
            left = record.unmatched_wei if record.is_open else 0
            cost = left if record.side is Side.SELL else quote_wei(record.order.price_e18, left)
            needed[record.order.maker, record.side] += cost
        for trade in self.core.trades:
            if trade.state is TradeState.PENDING:
                needed[trade.sell.order.maker, Side.SELL] += trade.quantity_wei
                needed[trade.buy.order.maker, Side.BUY] += quote_wei(trade.price_e18, trade.quantity_wei)
        for (wallet, side), amount in needed.items():
            token = BASE if side is Side.SELL else QUOTE
            assert self.core.ledger.holding(wallet, token.address).reserved_wei == amount


WhoListensKnowsEverything.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestWhoListensKnowsEverything = WhoListensKnowsEverything.TestCase


@pytest.fixture
def venue() -> Iterator[Venue]:
    made = Venue()
    yield made
    assert sorted(made.heard.orders) == sorted(record.order_id for record in made.core.orders)


def test_the_events_of_a_match_and_its_settlement_come_in_their_order(venue: Venue) -> None:
    """Protocol 5.5: an order is told twice when it is taken in; a match before the orders, these before the book."""
    maker = venue.place(TWO, "sell", 100, 1000)
    assert venue.heard.actions == ["order_placed", "order_submitted", "order_book_diff"]
    venue.heard.clear()
    taker = venue.place(ONE, "buy", 100, 400)
    told = ["order_placed", "order_submitted", "trade_created", "user_trade_created"]
    assert venue.heard.actions == [*told, "order_submitted", "order_submitted", "order_book_diff"]
    assert [data["order_id"] for data in venue.heard.frames[4:6]] == [maker.order_id, taker.order_id]
    assert venue.heard.frames[6]["bids"] is None
    venue.heard.clear()
    [trade] = venue.core.trades.next_unsettled(9)
    venue.core.send_batch([trade], 0)
    assert venue.heard.actions == []
    venue.core.settle(trade, "0xaa")
    assert venue.heard.actions == ["trade_updated", "user_trade_updated", *["order_trade_processed"] * 2]
    assert [data["order_id"] for data in venue.heard.frames[2:]] == [maker.order_id, taker.order_id]
    assert venue.heard.frames[0]["txHash"] == "0xaa"


def test_each_change_is_one_step_of_the_journal_with_what_came_of_it(venue: Venue) -> None:
    first = venue.place(TWO, "sell", 100, 1000, expiry_time=1_700_000_100)
    second = venue.place(ONE, "buy", 101, 995)
    [trade] = venue.core.trades
    assert venue.journal == [
        Entry(
            at_ms=START_MS,
            command=Placed(market_id=MARKET.id, order_hash=f"{1:064x}", order=first.order),
            effects=(OrderAdded(order_id=first.order_id),),
        ),
        Entry(
            at_ms=START_MS,
            command=Placed(market_id=MARKET.id, order_hash=f"{2:064x}", order=second.order),
            effects=(
                OrderAdded(order_id=second.order_id),
                Matched(
                    trade_id=trade.trade_id,
                    maker_order_id=first.order_id,
                    taker_order_id=second.order_id,
                    quantity_wei=995,
                    price_e18=10**18,
                ),
                # What is left is worth less than the least order.
                OrderEnded(order_id=first.order_id, code=CancelCode.BELOW_MINIMUM),
            ),
        ),
    ]
    assert (trade.created_ms, trade.resting_price_e18, trade.fee_bps) == (START_MS, 10**18, 70)
    assert venue.core.markets[MARKET.id].last_price == 1


def test_what_is_learned_from_the_chain_is_written_down_as_it_was_learned(venue: Venue) -> None:
    trade = venue.trade()
    venue.journal.clear()
    core, ids = venue.core, (trade.trade_id,)
    assert core.next_block == 0
    core.send_batch([trade], 3)
    core.batch_unsent()
    core.send_batch([trade], 4)
    core.settle(trade, "0xaa")
    core.unsettle([trade])
    assert (trade.state, trade.tx_hash) == (TradeState.PENDING, "")
    core.send_batch([trade], 5)
    core.fail(trade, "0xbb", "refused")
    assert (trade.state, trade.tx_hash) == (TradeState.FAILED, "0xbb")
    core.chain_followed(9)
    assert venue.commands() == [
        BatchSent(trade_ids=ids, after_block=3),
        BatchUnsent(),
        BatchSent(trade_ids=ids, after_block=4),
        TradeSettled(trade_id=trade.trade_id, tx_hash="0xaa"),
        TradesUnsettled(trade_ids=ids),
        BatchSent(trade_ids=ids, after_block=5),
        TradeFailed(trade_id=trade.trade_id, tx_hash="0xbb", reason="refused"),
        ChainFollowed(next_block=9),
    ]
    assert core.next_block == 9
    ended = [(record.status, record.cancel_code, record.cancel_reason) for record in (trade.buy, trade.sell)]
    assert ended == [(OrderStatus.CANCELLED, CancelCode.INSUFFICIENT_FUNDS, "refused")] * 2


def test_a_venue_that_was_not_told_of_a_batch_has_none_to_take_back(venue: Venue) -> None:
    venue.core.batch_unsent()
    assert (venue.core.in_flight, venue.core.trades.next_unsettled(9)) == (None, [])


def test_the_same_reading_of_the_chain_is_taken_over_once(venue: Venue) -> None:
    stranger = "0x" + "ee" * 20
    for _ in range(2):
        venue.core.take_holding(stranger, BASE.address, 0, 0)
        venue.core.take_holding(ONE, BASE.address, RICH, RICH + 1)
    reading = {"wallet": stranger, "token": BASE.address, "balance_wei": 0, "allowance_wei": 0}
    changed = {"wallet": ONE, "token": BASE.address, "balance_wei": RICH, "allowance_wei": RICH + 1}
    assert venue.commands() == [HoldingRead(**reading), HoldingRead(**changed)]
    assert venue.core.ledger.is_mirrored(stranger, BASE.address)


def test_an_order_that_is_just_covered_stands_and_one_unit_less_ends_it(venue: Venue) -> None:
    ask = venue.place(TWO, "sell", 101, 1000)
    bid = venue.place(TWO, "buy", 99, 1000)
    venue.lose(TWO, BASE, 1000, 1000)
    assert ask.is_open
    venue.lose(TWO, BASE, 1000, 999)
    assert (ask.cancel_code, ask.cancel_reason, bid.is_open) == (
        CancelCode.INSUFFICIENT_ALLOWANCE,
        "insufficient_allowance",
        True,
    )
    venue.lose(TWO, QUOTE, 98)
    assert (bid.cancel_code, bid.cancel_reason) == (CancelCode.INSUFFICIENT_FUNDS, "insufficient_funds")


def test_an_order_ends_in_the_second_of_its_expiry_and_not_before(venue: Venue) -> None:
    end_secs = START_MS // 1000 + 2
    order = venue.place(ONE, "buy", 100, 1000, expiry_time=end_secs)
    later = venue.place(ONE, "buy", 99, 1000, expiry_time=end_secs + 1)
    venue.journal.clear()
    venue.now_ms = end_secs * 1000 - 1
    venue.core.end_expired()
    assert (order.is_open, venue.journal) == (True, [])
    venue.now_ms += 1
    venue.core.end_expired()
    assert (order.cancel_code, order.cancel_reason, later.is_open) == (CancelCode.USER, "expired", True)
    ended = OrderEnded(order_id=order.order_id, code=CancelCode.USER)
    assert venue.journal == [Entry(at_ms=venue.now_ms, command=Expired(), effects=(ended,))]
    venue.core.end_expired()
    assert len(venue.journal) == 1


def test_an_order_that_comes_finds_no_expired_one_in_the_book(venue: Venue) -> None:
    venue.place(TWO, "sell", 100, 1000, expiry_time=START_MS // 1000 + 1)
    venue.now_ms += 5000
    assert venue.place(ONE, "buy", 100, 1000).pending_wei == 0


def test_only_the_own_open_orders_are_found_each_once(venue: Venue) -> None:
    own, others, ended = (venue.place(wallet, "buy", 99, 1000) for wallet in (ONE, TWO, ONE))
    venue.core.end_order(ended, CancelCode.USER)
    wanted = [own.order_id, "unknown", others.order_id, ended.order_id, own.order_id]
    assert venue.core.open_orders(ONE, wanted) == [own]


def test_several_orders_end_in_one_step_with_a_reason_of_ones_own(venue: Venue) -> None:
    records = [venue.place(ONE, "buy", price, 1000) for price in (98, 99)]
    venue.journal.clear()
    venue.core.end_orders([], CancelCode.USER)
    venue.core.end_orders(records, CancelCode.USER, "because")
    order_ids = tuple(record.order_id for record in records)
    assert venue.commands() == [Cancelled(order_ids=order_ids, code=CancelCode.USER, reason="because")]
    assert [record.cancel_reason for record in records] == ["because", "because"]
    one = venue.place(ONE, "buy", 98, 1000)
    venue.core.end_order(one, CancelCode.USER, "why")
    assert (venue.commands()[-1].reason, one.cancel_reason) == ("why", "why")


@pytest.mark.parametrize("ends_first", ["buy", "sell", "both"])
def test_of_a_match_that_the_chain_finds_expired_the_first_to_expire_ends(venue: Venue, ends_first: str) -> None:
    soon, late = START_MS // 1000 + 50, START_MS // 1000 + 99
    sell = venue.place(TWO, "sell", 100, 1000, expiry_time=late if ends_first == "buy" else soon)
    buy = venue.place(ONE, "buy", 100, 1000, expiry_time=late if ends_first == "sell" else soon)
    [trade] = venue.core.trades.next_unsettled(9)
    venue.core.fail(trade, "0xbad", "Order expired")
    for record, side in ((buy, "buy"), (sell, "sell")):
        if ends_first in (side, "both"):
            assert (record.cancel_code, record.cancel_reason) == (CancelCode.USER, "expired")
        else:
            assert record.is_open
            assert record.order_id in venue.book


def test_of_a_match_that_the_chain_finds_expired_an_order_without_end_goes_on(venue: Venue) -> None:
    sell = venue.place(TWO, "sell", 100, 1000)
    buy = venue.place(ONE, "buy", 100, 1000, expiry_time=START_MS // 1000 + 50)
    [trade] = venue.core.trades.next_unsettled(9)
    venue.core.fail(trade, "0xbad", "Order expired")
    assert (sell.is_open, buy.cancel_reason) == (True, "expired")


def test_who_cannot_pay_is_at_fault_whatever_the_chain_says(venue: Venue) -> None:
    sell = venue.place(TWO, "sell", 100, 1000)
    buy = venue.place(ONE, "buy", 100, 1000, expiry_time=START_MS // 1000 + 50)
    venue.lose(TWO, BASE, 999)
    [trade] = venue.core.trades.next_unsettled(9)
    venue.core.fail(trade, "0xbad", "transfer failed")
    assert (sell.cancel_code, sell.cancel_reason) == (CancelCode.INSUFFICIENT_FUNDS, "insufficient_funds")
    assert buy.is_open


def test_a_return_to_the_book_tells_each_level_once(venue: Venue) -> None:
    """The order comes back beside its own rest, and takes what came meanwhile."""
    sell = venue.place(TWO, "sell", 100, 1000)
    venue.place(ONE, "buy", 100, 600)
    [trade] = venue.core.trades.next_unsettled(9)
    venue.lose(ONE, QUOTE)
    venue.heard.clear()
    venue.core.fail(trade, "0xbad", "transfer failed")
    diffs = [data for action, data in zip(venue.heard.actions, venue.heard.frames, strict=True) if "book" in action]
    assert [(diff["bids"], diff["asks"]) for diff in diffs] == [(None, [{"price": "1", "quantity": "1"}])]
    assert (sell.unmatched_wei, venue.book.total_at(Side.SELL, 10**18)) == (1000, 1000)


def test_what_comes_back_and_is_not_covered_whole_ends_and_leaves_the_book(venue: Venue) -> None:
    """700 pay for the 600 that were matched, or for the 400 that rest, but not for the 1000 that the order is again."""
    sell = venue.place(TWO, "sell", 100, 1000)
    other = venue.place(TWO, "sell", 101, 700)
    venue.place(ONE, "buy", 100, 600)
    [trade] = venue.core.trades.next_unsettled(9)
    venue.lose(TWO, BASE, 700)
    assert sell.is_open
    venue.lose(ONE, QUOTE)
    venue.heard.clear()
    venue.core.fail(trade, "0xbad", "transfer failed")
    assert (sell.cancel_code, sell.cancel_reason) == (CancelCode.INSUFFICIENT_FUNDS, "insufficient_funds")
    assert (other.is_open, sell.order_id in venue.book) == (True, False)
    [diff] = [data for action, data in zip(venue.heard.actions, venue.heard.frames, strict=True) if "book" in action]
    assert [(Decimal(level["price"]), Decimal(level["quantity"])) for level in diff["asks"]] == [(1, 0)]


PRECISIONS = "^BASE_QUOTE allows 0 to 3 decimals in a quantity and 0 to 18 in a price, were {} and {}$"


@pytest.mark.parametrize("precisions", [(-1, 0), (4, 0), (0, -1), (0, 19)])
def test_precisions_that_cannot_be_are_refused(venue: Venue, precisions: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=PRECISIONS.format(*precisions)):
        venue.core.change_precisions(MARKET.id, *precisions)
    assert (venue.core.markets[MARKET.id].market, venue.journal) == (MARKET, [])


@pytest.mark.parametrize("precisions", [(0, 0), (3, 18), (0, 18), (3, 0)])
def test_precisions_at_their_bounds_hold_for_the_market(venue: Venue, precisions: tuple[int, int]) -> None:
    venue.core.change_precisions(MARKET.id, *precisions)
    market = venue.core.markets[MARKET.id].market
    assert (market.base_precision, market.quote_precision) == precisions
    base, quote = precisions
    assert venue.commands() == [PrecisionsChanged(market_id=MARKET.id, base_precision=base, quote_precision=quote)]


@pytest.mark.parametrize(("rest", "stands"), [(20, True), (19, False)])
def test_a_rest_of_just_the_least_value_stands_on_either_side(venue: Venue, rest: int, stands: bool) -> None:
    """At a price of 1, so many thousandths are worth as many hundredths, rounded down."""
    maker = venue.place(TWO, "sell", 100, 1000 + rest * 10)
    venue.place(ONE, "buy", 100, 1000)
    assert (maker.is_open, maker.order_id in venue.book) == (stands, stands)
    taker = venue.place(ONE, "buy", 100, 1000 + rest * 10 + maker.unmatched_wei * stands)
    other = venue.place(THREE, "sell", 100, 1000)
    assert (taker.is_open, other.pending_wei) == (stands, 1000)


def test_ids_are_random_uuids_that_follow_from_the_seed(venue: Venue) -> None:
    rng = random.Random(SEED)
    expected = [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(3)]
    trade = venue.trade()
    assert [trade.sell.order_id, trade.buy.order_id, trade.trade_id] == expected
