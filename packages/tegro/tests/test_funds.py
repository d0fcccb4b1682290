"""What a wallet can still spend, against a simulated chain and venue that know the truth."""

import logging
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from tegro.errors import AllowanceMissing, InvalidInput
from tegro.funds import Funds, FundsReading, Lack, Shortfall, TokenReading, live_quantity, spent_token
from tegro.journal import JournalEntry
from tegro.model import Market, Order, OrderRequest, OrderStatus, Side, Token
from tegro.settings import Settings

WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=8)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)
DAI = Token(address="0x" + "33" * 20, symbol="DAI", decimals=18)
MARKET = Market(id="m1", symbol="WETH_USDC", chain_id=1, base=WETH, quote=USDC, base_precision=2, quote_precision=2)
OTHER = Market(id="m2", symbol="WETH_DAI", chain_id=1, base=WETH, quote=DAI, base_precision=2, quote_precision=2)
MARKETS = {market.id: market for market in (MARKET, OTHER)}


def request(side=Side.BUY, price="10", quantity="1", market=MARKET):
    return OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))


def order(
    order_hash="0x01", *, side=Side.BUY, price="10", quantity="1", filled="0", pending="0", status="open", **more
):
    values = {
        "order_id": order_hash,
        "order_hash": order_hash,
        "market_id": "m1",
        "side": side,
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "filled": Decimal(filled),
        "pending": Decimal(pending),
        "average_price": Decimal(0),
        "status": OrderStatus(status),
        "cancel_code": 0,
        "cancel_reason": "",
        "timestamp_ms": 1,
    }
    return Order(**values | more)


def entry(order_hash="0x01", *, side=Side.BUY, price="10", quantity="1", market_id="m1"):
    return JournalEntry(
        order_hash=order_hash,
        maker="0x" + "aa" * 20,
        chain_id=1,
        market_id=market_id,
        raw_order_data="{}",
        signature="0x",
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        signed_at_ms=0,
    )


def reading(at_ms, *, usdc=None, weth=None, dai=None, orders=(), journaled=()):
    """A reading of some tokens, each a balance and an allowance in human units, or one number for both."""
    tokens = {}
    for token, held in ((USDC, usdc), (WETH, weth), (DAI, dai)):
        if held is not None:
            balance, allowance = held if isinstance(held, tuple) else (held, held)
            tokens[token.address] = TokenReading(
                balance_wei=token.to_wei(Decimal(balance)), allowance_wei=token.to_wei(Decimal(allowance))
            )
    return FundsReading(started_at_ms=at_ms, tokens=tokens, orders=orders, journaled=journaled)


@pytest.fixture
def clock():
    return SimpleNamespace(now_ms=1000)


@pytest.fixture
def funds(clock):
    return Funds(MARKETS.get, clock_ms=lambda: clock.now_ms)


def available(funds, token=USDC):
    return str(token.from_wei(funds.available_wei(token)))


# Covering an order


def test_what_was_never_read_is_empty_and_has_to_be_read(funds):
    assert not funds.is_fresh(request())
    shortfall = funds.cover(request())
    assert shortfall == Shortfall(lack=Lack.BALANCE, token=USDC, needed_wei=10_000_000, held_wei=0, present_wei=0)
    assert available(funds) == "0"


def test_a_buy_spends_quote_and_a_sell_spends_base(funds):
    funds.refresh(reading(1000, usdc=10, weth=1))
    assert funds.cover(request(Side.BUY, "10", "1")) is None
    assert funds.cover(request(Side.BUY, "10", "1.01")).lack is Lack.BALANCE
    assert funds.cover(request(Side.SELL, "99", "1")) is None
    assert funds.cover(request(Side.SELL, "99", "1.01")).token == WETH


def test_the_balance_is_looked_at_before_the_allowance(funds):
    funds.refresh(reading(1000, usdc=(10, 3)))
    assert funds.cover(request(price="3")) is None
    assert funds.cover(request(price="4")).lack is Lack.ALLOWANCE
    assert funds.cover(request(price="11")).lack is Lack.BALANCE
    assert available(funds) == "3"


def test_defect_42_orders_are_not_placed_beyond_what_open_ones_leave(funds):
    resting = order(price="10", quantity="3", filled="1")
    funds.refresh(reading(1000, usdc=30, orders=[resting], journaled=[entry("0x02", price="5", quantity="1")]))
    assert available(funds) == "5"
    funds.reserve("0x03", request(price="4"))
    assert available(funds) == "1"
    assert funds.cover(request(price="2")).held_wei == 29_000_000


def test_an_order_in_the_list_the_journal_and_this_process_counts_once(funds):
    funds.reserve("0x01", request())
    funds.refresh(reading(1000, usdc=30, orders=[order()], journaled=[entry()]))
    assert available(funds) == "20"


def test_more_held_than_there_is_leaves_nothing(funds):
    funds.refresh(reading(1000, usdc=5, orders=[order()]))
    assert available(funds) == "0"
    assert funds.cover(request(price="1")).held_wei == 10_000_000


def test_a_refused_order_holds_nothing_any_more(funds):
    funds.refresh(reading(1000, usdc=30))
    funds.reserve("0x01", request())
    funds.reserve("0x01", request(price="20"))
    assert available(funds) == "20"
    funds.release("0x01")
    funds.release("0x01")
    assert available(funds) == "30"


# Age of a reading


def test_a_young_reading_that_covers_is_relied_upon(funds, clock):
    funds.refresh(reading(1000, usdc=30))
    clock.now_ms = 11_000
    assert funds.is_fresh(request())
    clock.now_ms = 11_001
    assert not funds.is_fresh(request())


def test_a_reading_from_the_future_is_not_relied_upon(funds, clock):
    funds.refresh(reading(1000, usdc=30))
    clock.now_ms = 999
    assert not funds.is_fresh(request())


def test_a_reading_that_began_before_the_last_one_is_ignored(funds):
    funds.refresh(reading(2000, usdc=30))
    funds.refresh(reading(1999, usdc=99))
    assert available(funds) == "30"


# Fills and cancels between readings


def test_a_settled_fill_stays_held_until_the_balance_shows_it(funds, clock):
    funds.refresh(reading(1000, usdc=30, orders=[order(quantity="2")]))
    clock.now_ms = 2000
    funds.observe(order(quantity="2", filled="1"))
    assert available(funds) == "10"
    funds.observe(order(quantity="2", filled="2", status="closed"))
    assert available(funds) == "10"
    clock.now_ms = 3000
    funds.refresh(reading(3000, usdc=12))
    assert available(funds) == "12"


def test_a_cancel_frees_what_rested_at_once_but_not_what_was_matched(funds):
    funds.refresh(reading(1000, usdc=30, orders=[order(quantity="3", filled="1")]))
    assert available(funds) == "10"
    funds.observe(order(quantity="3", filled="1", pending="0.5", status="cancelled"))
    assert available(funds) == "25"


def test_an_order_of_another_process_is_held_when_it_is_first_seen(funds):
    funds.refresh(reading(1000, usdc=30))
    funds.observe(order("0x09", quantity="2", filled="1"))
    assert available(funds) == "10"


def test_an_old_order_that_has_ended_is_no_news(funds):
    funds.refresh(reading(1000, usdc=30))
    funds.observe(order("0x09", quantity="2", filled="2", status="closed"))
    assert available(funds) == "30"


def test_words_that_come_too_late_are_ignored(funds):
    funds.refresh(reading(1000, usdc=30, orders=[order()]))
    funds.observe(order(filled="0.5"))
    funds.observe(order(filled="0.5", status="cancelled"))
    assert available(funds) == "25"
    funds.observe(order(filled="0.5"))
    funds.observe(order())
    assert available(funds) == "25"


def test_words_from_before_a_cancel_that_still_settles_are_ignored(funds):
    funds.refresh(reading(1000, usdc=30, orders=[order()]))
    funds.observe(order(filled="0.5", pending="0.1", status="cancelled"))
    funds.observe(order(filled="0.4"))
    assert available(funds) == "24"


def test_reading_another_token_does_not_hold_again_what_the_balance_shows(funds):
    sell = order("0x05", side=Side.SELL, quantity="3", filled="1")
    funds.refresh(reading(1000, weth=10, orders=[sell]))
    funds.refresh(reading(1001, usdc=30, orders=[sell]))
    assert available(funds, WETH) == "8"


def test_an_unknown_status_holds_all_that_is_left(funds):
    funds.refresh(reading(1000, usdc=30, orders=[order(quantity="2", filled="0.5", status="unknown")]))
    assert available(funds) == "15"
    assert live_quantity(order(quantity="1", filled="2")) == 0


def test_an_order_placed_while_reading_is_kept(funds, clock):
    clock.now_ms = 2000
    funds.reserve("0x01", request())
    clock.now_ms = 2500
    funds.refresh(reading(1999, usdc=30))
    assert available(funds) == "20"
    funds.refresh(reading(2500, usdc=20))
    assert available(funds) == "20"


def test_what_was_heard_while_reading_wins_over_the_list(funds, clock):
    funds.refresh(reading(1000, usdc=30, orders=[order(quantity="2")]))
    clock.now_ms = 2000
    funds.observe(order(quantity="2", filled="0.5", status="cancelled"))
    funds.refresh(reading(1999, usdc=25, orders=[order(quantity="2")]))
    # Half a fill that the list does not show: the balance may or may not have it.
    assert available(funds) == "20"


def test_a_list_that_knows_more_wins_over_what_was_heard(funds, clock):
    clock.now_ms = 2000
    funds.observe(order(quantity="2", filled="0.5"))
    funds.refresh(reading(1999, usdc=20, orders=[order(quantity="2", filled="1")]))
    assert available(funds) == "10"


def test_a_token_that_was_not_read_keeps_what_is_held_of_it(funds, clock):
    sell = order("0x05", side=Side.SELL, quantity="2", filled="1")
    funds.refresh(reading(1000, usdc=30, weth=10, orders=[order(), replace(sell, filled=Decimal(0))]))
    clock.now_ms = 2000
    funds.observe(sell)
    gone = order("0x06", side=Side.SELL)
    funds.observe(gone)
    clock.now_ms = 3000
    funds.refresh(reading(3000, usdc=40, orders=[sell]))
    assert available(funds) == "40"
    # 10 were read before the fill of 1, which the list now shows: it is still to come off. The other may live.
    assert available(funds, WETH) == "7"
    funds.refresh(reading(3001, weth=9, orders=[sell]))
    assert available(funds, WETH) == "8"


# Markets


def test_an_order_on_an_unknown_market_holds_nothing_and_that_is_logged(funds, caplog):
    with caplog.at_level(logging.WARNING):
        funds.observe(order("0x07", market_id="gone"))
        funds.refresh(reading(1000, usdc=30, journaled=[entry("0x08", market_id="gone")]))
    assert available(funds) == "30"
    told = "the funds of orders on market gone are not counted: it is not known"
    assert [record.message for record in caplog.records] == [told]


def test_open_notional_is_per_market_of_both_sides_and_of_what_can_still_settle(funds):
    orders = [
        order("0x01", quantity="2", filled="0.5"),
        order("0x02", side=Side.SELL, price="11", quantity="2", pending="1"),
        order("0x03", quantity="5", filled="5", status="closed"),
        order("0x04", market_id="m2", price="9"),
    ]
    funds.refresh(reading(1000, usdc=99, weth=99, orders=orders))
    assert funds.open_notional(MARKET) == Decimal(37)
    assert funds.open_notional(OTHER) == Decimal(9)
    funds.reserve("0x05", request(price="0.01", quantity="0.01"))
    assert funds.open_notional(MARKET) == Decimal("37.0001")


# Sentences


def test_a_shortfall_says_what_is_missing_and_what_to_do():
    environment = Settings.load(None, {}).environment("testnet", "polygon")
    short = Shortfall(
        lack=Lack.ALLOWANCE, token=USDC, needed_wei=10_500_000, held_wei=2_000_000, present_wei=12_000_000
    )
    error = short.error(environment)
    assert isinstance(error, AllowanceMissing)
    assert str(error) == (
        "the order may cost 10.5 USDC and other orders hold 2, but the exchange contract may move only 12; "
        "allow it with: tegro allowance USDC --cap 12.5 --env testnet --chain polygon"
    )
    poor = replace(short, lack=Lack.BALANCE).error(environment)
    assert isinstance(poor, InvalidInput)
    assert str(poor) == "the order may cost 10.5 USDC and other orders hold 2, but the wallet has only 12"


# Against the truth


RECENT = st.integers(0, 3)
STEPS = [
    "fills_and_is_told",
    "matches_half",
    "matches_whole",
    "settles",
    "fails_to_settle",
    "is_cancelled",
    "is_told_at_once",
    "is_told_later",
]


class Wallet(RuleBasedStateMachine):
    """A chain and a venue that know the truth, a client that hears of it late, twice, in any order, and in pieces.

    What the client believes to be free must never be more than what is.
    """

    @initialize(usdc=st.integers(0, 10**9), weth=st.integers(10**9, 10**10), allowance=st.integers(10**9, 10**10))
    def begin(self, usdc, weth, allowance):
        self.now_ms = 1000
        self.funds = Funds(MARKETS.get, clock_ms=lambda: self.now_ms)
        self.balance = {USDC.address: usdc, WETH.address: weth}
        self.allowance = {USDC.address: 10**10, WETH.address: allowance}
        self.signed = {}
        self.orders = {}
        self.draft = {}
        self.words = []
        self.count = 0

    def recent(self, back):
        return f"0x{max(self.count - back, 0):02x}"

    @staticmethod
    def cost(token, side, price, quantity):
        if spent_token(MARKET, side) != token:
            return 0
        amount = quantity if side is Side.SELL else price * quantity
        return int(amount * 10**token.decimals)

    @rule(
        side=st.sampled_from(Side),
        cents=st.integers(1, 2000),
        lots=st.integers(1, 300),
        steps=st.integers(0, 2),
    )
    def sign(self, side, cents, lots, steps):
        self.count += 1
        order_hash = f"0x{self.count:02x}"
        asked = request(side, Decimal(cents).scaleb(-2), Decimal(lots).scaleb(-2))
        self.funds.reserve(order_hash, asked)
        self.signed[order_hash] = asked
        for step in (self.reaches_the_venue, self.its_fate_is_learned)[:steps]:
            step(order_hash)

    @rule(back=RECENT)
    def is_refused(self, back):
        order_hash = self.recent(back)
        if order_hash in self.signed and order_hash not in self.orders:
            del self.signed[order_hash]
            self.funds.release(order_hash)

    @rule(back=RECENT)
    def is_sent_without_an_answer(self, back):
        self.reaches_the_venue(self.recent(back))

    @rule(back=RECENT)
    def is_found_again(self, back):
        self.its_fate_is_learned(self.recent(back))

    def reaches_the_venue(self, order_hash):
        """The reply is lost: the journal still says that its fate is open."""
        if order_hash in self.signed and order_hash not in self.orders:
            asked = self.signed[order_hash]
            self.orders[order_hash] = order(order_hash, side=asked.side, price=asked.price, quantity=asked.quantity)

    def its_fate_is_learned(self, order_hash):
        if order_hash in self.signed and order_hash in self.orders:
            del self.signed[order_hash]
            self.funds.observe(self.orders[order_hash])

    @rule(side=st.sampled_from(Side), cents=st.integers(1, 2000), lots=st.integers(1, 300))
    def another_process_places(self, side, cents, lots):
        self.count += 1
        order_hash = f"0x{self.count:02x}"
        placed = order(order_hash, side=side, price=Decimal(cents).scaleb(-2), quantity=Decimal(lots).scaleb(-2))
        self.orders[order_hash] = placed
        self.funds.observe(placed)

    @rule(back=RECENT, steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=6))
    def goes_its_way(self, back, steps):
        order_hash = self.recent(back)
        for step in steps:
            if order_hash in self.orders:
                getattr(self, step)(self.orders[order_hash])

    def matches_half(self, found):
        self.matches(found, (found.remaining / 2).quantize(Decimal("0.01")))

    def matches_whole(self, found):
        self.matches(found, found.remaining)

    def fills_and_is_told(self, found):
        for step in (self.matches_whole, self.settles, self.is_told_at_once):
            step(self.orders[found.order_hash])

    def matches(self, found, part):
        if part > 0:
            status = OrderStatus.CLOSED if part == found.remaining else OrderStatus.OPEN
            self.orders[found.order_hash] = replace(found, pending=found.pending + part, status=status)

    def settles(self, found):
        token = spent_token(MARKET, found.side)
        paid = self.cost(token, found.side, found.price, found.pending)
        self.balance[token.address] -= paid
        self.allowance[token.address] -= paid
        self.orders[found.order_hash] = replace(found, filled=found.filled + found.pending, pending=Decimal(0))

    def fails_to_settle(self, found):
        is_back = found.status is OrderStatus.CLOSED and found.pending > 0
        status = OrderStatus.OPEN if is_back else found.status
        self.orders[found.order_hash] = replace(found, pending=Decimal(0), status=status)

    def is_cancelled(self, found):
        if found.is_open:
            self.orders[found.order_hash] = replace(found, status=OrderStatus.CANCELLED)

    def is_told_at_once(self, found):
        self.funds.observe(found)

    def is_told_later(self, found):
        self.words.append(found)

    @rule(which=st.integers(0, 10**6))
    def an_old_word_is_heard(self, which):
        if self.words:
            self.funds.observe(self.words[which % len(self.words)])

    @rule(passed_ms=st.integers(1, 5))
    def time_passes(self, passed_ms):
        self.now_ms += passed_ms

    @rule(tokens=st.sampled_from([(USDC,), (WETH,), (USDC, WETH)]), steps=st.integers(1, 4))
    def a_reading_goes_on(self, tokens, steps):
        """One that is slow: anything may happen between its steps."""
        for _ in range(steps):
            if not self.draft:
                addresses = [token.address for token in tokens]
                self.draft = {"started_at_ms": self.now_ms, "tokens": addresses, "journaled": self.open_entries()}
            elif "orders" not in self.draft:
                self.draft["orders"] = self.moving_orders()
            elif isinstance(self.draft["tokens"], list):
                self.draft["tokens"] = self.readings(self.draft["tokens"])
            else:
                self.funds.refresh(FundsReading(**self.draft))
                self.draft = {}

    @rule(tokens=st.sampled_from([(USDC,), (WETH,), (USDC, WETH)]))
    def a_reading_is_made_while_nothing_goes_on(self, tokens):
        self.draft = {}
        self.now_ms += 1
        self.funds.refresh(
            FundsReading(
                started_at_ms=self.now_ms,
                tokens=self.readings([token.address for token in tokens]),
                orders=self.moving_orders(),
                journaled=[one for one in self.open_entries() if one.order_hash not in self.orders],
            )
        )
        for token in tokens:
            assert self.funds.available_wei(token) == max(self.spendable(token), 0)

    def open_entries(self):
        return [
            entry(order_hash, side=asked.side, price=asked.price, quantity=asked.quantity)
            for order_hash, asked in self.signed.items()
        ]

    def moving_orders(self):
        return [placed for placed in self.orders.values() if not placed.is_done]

    def readings(self, addresses):
        return {
            address: TokenReading(balance_wei=self.balance[address], allowance_wei=self.allowance[address])
            for address in addresses
        }

    @invariant()
    def nothing_is_promised_twice(self):
        for token in (USDC, WETH):
            assert self.funds.available_wei(token) <= max(self.spendable(token), 0)

    def spendable(self, token):
        """What the wallet would have left if every living order settled whole, at its limit."""
        free = min(self.balance[token.address], self.allowance[token.address])
        for order_hash, asked in self.signed.items():
            if order_hash not in self.orders:
                free -= self.cost(token, asked.side, asked.price, asked.quantity)
        return free - sum(
            self.cost(token, placed.side, placed.price, live_quantity(placed)) for placed in self.orders.values()
        )


Wallet.TestCase.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
test_no_order_is_covered_by_funds_that_are_not_there = Wallet.TestCase
