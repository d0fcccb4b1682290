"""The money of a paper exchange: what anybody can reckon from the fills, at every step of any course of events."""

from decimal import Decimal
from fractions import Fraction

from connector_desk import public_trade
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from hummingbot_tegro.paper.engine import PaperOrder
from hummingbot_tegro.paper.realism import PRESETS
from hummingbot_tegro.paper.venue import ENDED_KEPT, PaperState, PaperVenue
from tegro.errors import InvalidInput
from tegro.model import BookChange, BookLevel, BookSnapshot, Market, OrderType, Side, Token

PAIR = "WETH-USDC"
MARKET = Market(
    id="1",
    symbol="WETH_USDC",
    chain_id=1,
    base=Token(address="0x1", symbol="WETH", decimals=18),
    quote=Token(address="0x2", symbol="USDC", decimals=6),
    base_precision=3,
    quote_precision=2,
)
FEE = Decimal("0.0007")
FIRST = {"WETH": Decimal(20), "USDC": Decimal(2_000)}

amounts = st.integers(1, 9_999).map(lambda count: Decimal(count) / 1_000)
prices = st.integers(9_500, 10_500).map(lambda cents: Decimal(cents) / 100)
sides = st.sampled_from(list(Side))


class PaperMoney(RuleBasedStateMachine):
    """Orders, cancels and a market that does anything."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.venue = PaperVenue(PRESETS["neutral"], lambda: FEE)
        for token, amount in FIRST.items():
            self.venue.account.set_total(token, amount)
        book = BookSnapshot(symbol=MARKET.symbol, bids=(), asks=(), timestamp_ms=0)
        self.venue.apply_snapshot(MARKET, PAIR, book, 0)
        self.now_ms = 0
        self.orders: dict[str, PaperOrder] = {}
        self.reports: list = []

    @rule(
        target=under_way,
        side=sides,
        kind=st.sampled_from((OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)),
        price=prices,
        quantity=amounts,
    )
    def submit(self, side, kind, price, quantity):
        name = str(len(self.orders))
        order = PaperOrder(order_id=name, side=side, order_type=kind, price=price, quantity=quantity)
        free = self.venue.account.available["USDC" if side is Side.BUY else "WETH"]
        needed = price * quantity if side is Side.BUY else quantity
        try:
            self.venue.submit(order, MARKET, PAIR)
        except InvalidInput:
            assert needed > free
            return multiple()
        assert needed <= free
        self.orders[name] = order
        return name

    @rule(name=consumes(under_way))
    def arrive(self, name):
        try:
            self.reports += self.venue.arrive(name, self.now_ms)
        except InvalidInput:
            assert self.venue.record(name).state is PaperState.REFUSED

    @rule(number=st.integers(0, 100))
    def cancel(self, number):
        self.reports += self.venue.cancel(str(number), self.now_ms)

    @rule(side=sides, price=prices, total=st.one_of(st.just(Decimal(0)), amounts), pause=st.integers(0, 2_000))
    def book(self, side, price, total, pause):
        self.now_ms += pause
        level = (BookLevel(price, total),)
        bids, asks = (level, ()) if side is Side.BUY else ((), level)
        change = BookChange(symbol=MARKET.symbol, bids=bids, asks=asks, timestamp_ms=0)
        self.reports += self.venue.apply_change(MARKET, PAIR, change, self.now_ms)

    @rule(side=sides, price=prices, quantity=amounts)
    def trade(self, side, price, quantity):
        trade = public_trade(MARKET.symbol, price, quantity, is_buyer_maker=side is Side.BUY)
        self.reports += self.venue.apply_trade(MARKET, PAIR, trade, self.now_ms)

    @invariant()
    def balances_are_the_first_ones_and_the_fills(self):
        expected = {token: Fraction(amount) for token, amount in FIRST.items()}
        for name, order in self.orders.items():
            for fill, _ in self.venue.record(name).fills:
                base = Fraction(fill.quantity)
                quote = Fraction(int(base * Fraction(fill.price) * 10**6), 10**6)
                if order.side is Side.BUY:
                    expected["WETH"] += base - Fraction(int(base * Fraction(FEE) * 10**18), 10**18)
                    expected["USDC"] -= quote
                else:
                    expected["WETH"] -= base
                    expected["USDC"] += quote - Fraction(int(quote * Fraction(FEE) * 10**6), 10**6)
        assert {token: Fraction(amount) for token, amount in self.venue.account.totals.items()} == expected

    @invariant()
    def nothing_is_spent_twice(self):
        account = self.venue.account
        held = {token: account.held.get(token, Decimal(0)) for token in FIRST}
        assert all(0 <= held[token] <= account.totals[token] for token in FIRST)
        live = [self.orders[name] for name in self.orders if not self.venue.record(name).is_over]
        assert held["WETH"] == sum(order.remaining for order in live if order.side is Side.SELL)
        assert held["USDC"] == sum(order.price * order.remaining for order in live if order.side is Side.BUY)

    @invariant()
    def each_order_is_told_of_in_its_order(self):
        for name, order in self.orders.items():
            states = [report.state for report in self.reports if report.record.order.order_id == name]
            record = self.venue.record(name)
            assert states[:1] in ([], [PaperState.OPEN])
            assert states[1:-1] == [PaperState.PARTIALLY_FILLED] * len(states[1:-1])
            assert sum(fill.quantity for fill, _ in record.fills) == order.filled <= order.quantity
            if states:
                assert record.state is states[-1]
            assert (record.state is PaperState.FILLED) == (order.filled == order.quantity)


TestPaperMoney = PaperMoney.TestCase
TestPaperMoney.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_ended_orders_are_remembered_for_a_while_and_live_ones_for_ever():
    venue = PaperVenue(PRESETS["optimistic"], lambda: FEE)
    venue.account.set_total("WETH", Decimal(10**9))
    venue.apply_snapshot(MARKET, PAIR, BookSnapshot(symbol=MARKET.symbol, bids=(), asks=(), timestamp_ms=0), 0)
    for number in range(ENDED_KEPT + 3):
        order = PaperOrder(
            order_id=str(number), side=Side.SELL, order_type=OrderType.LIMIT, price=Decimal(9), quantity=Decimal(1)
        )
        venue.submit(order, MARKET, PAIR)
        venue.arrive(str(number), 0)
        if number:
            venue.cancel(str(number), 0)
    venue.submit(
        PaperOrder(order_id="x", side=Side.SELL, order_type=OrderType.LIMIT, price=Decimal(9), quantity=Decimal(1)),
        MARKET,
        PAIR,
    )
    assert venue.record("0").state is PaperState.OPEN
    assert [venue.record(str(number)) is None for number in (1, 2, 3, ENDED_KEPT + 2)] == [True, True, False, False]
