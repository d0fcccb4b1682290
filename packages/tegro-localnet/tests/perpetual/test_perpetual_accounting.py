"""Nothing is lost: a state machine over everything the venue can be asked, against exact sums and the naive model."""

from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tegro.model import Side
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.contract import DEFAULT_CONTRACTS
from tegro_localnet.perpetual.engine.engine import PerpetualEngine
from tegro_localnet.perpetual.engine.events import AccountChanged, Event, Funded, OrderChanged, Traded
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.margin import account_margin
from tegro_localnet.perpetual.engine.records import Income
from tegro_localnet.perpetual.engine.reference import NaiveAccount, NaiveOrder
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import (
    IncomeType,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    SelfTrade,
    TimeInForce,
)

E8, E18 = 10**8, 10**18
START_MS = 1_700_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT")
PRICES = {"BTCUSDT": 50_000, "ETHUSDT": 2_500}
CONTRACTS = {
    contract.symbol: msgspec.structs.replace(contract, start_price_e18=PRICES[contract.symbol] * E18)
    for contract in DEFAULT_CONTRACTS
}
TRADERS = st.integers(min_value=1, max_value=5)
OFFSETS = st.integers(min_value=-20, max_value=20)


class AccountingMachine(RuleBasedStateMachine):
    """Five traders: crossed, isolated, hedge crossed, hedge isolated in one contract, and a poor one."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.events: list[Event] = []
        terms = FundingTerms(interval_ms=60_000)
        contracts = list(CONTRACTS.values())
        self.engine = PerpetualEngine(contracts=contracts, terms=terms, now_ms=START_MS, listener=self.events.append)
        self.state = self.engine.state
        self.deposits_e8 = 0
        self.naive: dict[int, NaiveAccount] = {}
        self.read = 0
        self.told: dict[int, int] = {}
        """Transfers and clearing of an account that its naive twin knows of."""

    @initialize(leverages=st.tuples(*[st.sampled_from([20, 50, 100])] * 5))
    def open_accounts(self, leverages: tuple[int, ...]) -> None:
        isolated = ((), ("BTCUSDT", "ETHUSDT"), (), ("BTCUSDT",), ())
        amounts = (40_000, 20_000, 20_000, 20_000, 4_000)
        for number, (leverage, symbols, amount) in enumerate(zip(leverages, isolated, amounts, strict=True), 1):
            self.do(c.OpenAccount())
            self.naive[number] = NaiveAccount(contracts=CONTRACTS)
            self.transfer(number, amount)
            if number in (3, 4):
                self.do(c.SetPositionMode(account_id=number, is_hedge=True))
            for symbol in symbols:
                self.do(c.SetMarginType(account_id=number, symbol=symbol, margin_type=MarginType.ISOLATED))
                self.naive[number].isolated.add(symbol)
            for symbol in SYMBOLS:
                self.do(c.SetLeverage(account_id=number, symbol=symbol, leverage=leverage))
                self.naive[number].leverages[symbol] = leverage

    def do(self, command: c.Command) -> Any:
        try:
            return self.engine.apply(command, self.now_ms)
        finally:
            self.follow()

    def attempt(self, command: c.Command) -> None:
        """Carry out a command; if it is refused, nothing has happened."""
        before = len(self.events)
        try:
            self.do(command)
        except Rejected:
            kinds = {type(event) for event in self.events[before:]}
            assert kinds & {OrderChanged, AccountChanged, Traded} == set()

    def transfer(self, account_id: int, amount: int) -> None:
        self.do(c.Transfer(account_id=account_id, amount_e8=amount * E8))
        self.deposits_e8 += amount * E8

    def follow(self) -> None:
        """Tell the naive accounts what happened."""
        for event in self.events[self.read :]:
            if isinstance(event, OrderChanged) and event.fill is not None:
                fill = event.fill
                signed = Fraction(fill.quantity_e8 if fill.side is Side.BUY else -fill.quantity_e8, E8)
                account = self.naive[fill.account_id]
                price, fee = Fraction(fill.price_e18, E18), Fraction(fill.fee_e8, E8)
                realized = account.fill(fill.symbol, fill.position_side, signed, price, fee)
                assert abs(realized - Fraction(fill.realized_e8, E8)) < Fraction(1, 10**6)
            if isinstance(event, Funded):
                rate = event.rate
                for account in self.naive.values():
                    account.fund(rate.symbol, Fraction(rate.mark_e18, E18), Fraction(rate.rate_e8, E8))
        self.read = len(self.events)
        for account_id, account in self.naive.items():
            cleared = self.incomes(account_id, IncomeType.TRANSFER, IncomeType.INSURANCE_CLEAR)
            account.wallet += Fraction(cleared - self.told.get(account_id, 0), E8)
            self.told[account_id] = cleared

    def incomes(self, account_id: int, *kinds: IncomeType) -> int:
        rows: list[Income] = list(self.state.records[account_id].incomes)
        return sum(row.amount_e8 for row in rows if row.type in kinds)

    def price_e18(self, symbol: str, offset: int) -> int:
        contract = CONTRACTS[symbol]
        near_e18 = self.state.markets[symbol].mark_e18 * (1000 + offset) // 1000
        return near_e18 // contract.tick_e18 * contract.tick_e18

    @rule(
        account_id=TRADERS,
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(Side),
        offset=OFFSETS,
        value=st.integers(min_value=100, max_value=60_000),
        kind=st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", "GTX", "MARKET", "CLOSE"]),
        position_side=st.sampled_from([PositionSide.LONG, PositionSide.SHORT]),
        reduce_only=st.sampled_from([False, False, True]),
        self_trade=st.sampled_from(SelfTrade),
    )
    def place(
        self,
        account_id: int,
        symbol: str,
        side: Side,
        offset: int,
        value: int,
        kind: str,
        position_side: PositionSide,
        reduce_only: bool,
        self_trade: SelfTrade,
    ) -> None:
        is_hedge = self.state.accounts[account_id].is_hedge
        step_e8 = CONTRACTS[symbol].step_e8
        is_market = kind in ("MARKET", "CLOSE")
        command = c.PlaceOrder(
            account_id=account_id,
            symbol=symbol,
            side=side,
            position_side=position_side if is_hedge else PositionSide.BOTH,
            type=OrderType.MARKET if is_market else OrderType.LIMIT,
            time_in_force=TimeInForce.GTC if is_market else TimeInForce(kind),
            price_e18=self.price_e18(symbol, offset),
            quantity_e8=0 if kind == "CLOSE" else value * E8 // PRICES[symbol] // step_e8 * step_e8,
            reduce_only=reduce_only and not is_hedge,
            close_position=kind == "CLOSE",
            self_trade=self_trade,
        )
        self.attempt(command)

    @rule(
        buyer=TRADERS,
        seller=TRADERS,
        symbol=st.sampled_from(SYMBOLS),
        offset=OFFSETS,
        value=st.integers(min_value=5_000, max_value=100_000),
        opens=st.booleans(),
    )
    def trade(self, buyer: int, seller: int, symbol: str, offset: int, value: int, opens: bool) -> None:
        """Let two accounts meet, as far as the book between them allows it."""
        for account_id, side in ((seller, Side.SELL), (buyer, Side.BUY)):
            opening = PositionSide.SHORT if side is Side.SELL else PositionSide.LONG
            closing = PositionSide.LONG if side is Side.SELL else PositionSide.SHORT
            hedge_side = opening if opens or account_id == buyer else closing
            command = c.PlaceOrder(
                account_id=account_id,
                symbol=symbol,
                side=side,
                position_side=hedge_side if self.state.accounts[account_id].is_hedge else PositionSide.BOTH,
                price_e18=self.price_e18(symbol, offset),
                quantity_e8=value * 10**3 // PRICES[symbol] * 10**5,
            )
            self.attempt(command)

    @rule(account_id=TRADERS, number=st.integers(min_value=0, max_value=50))
    def cancel(self, account_id: int, number: int) -> None:
        orders = self.state.accounts[account_id].orders()
        if orders:
            order = orders[number % len(orders)]
            assert self.do(c.CancelOrder(account_id=account_id, order_id=order.order_id)).status == "CANCELED"

    @rule(account_id=TRADERS, number=st.integers(min_value=0, max_value=50), offset=OFFSETS)
    def amend(self, account_id: int, number: int, offset: int) -> None:
        orders = self.state.accounts[account_id].orders()
        if orders:
            order = orders[number % len(orders)]
            price_e18 = self.price_e18(order.symbol, offset)
            quantity_e8 = max(CONTRACTS[order.symbol].step_e8, order.quantity_e8 // 2 // 10**5 * 10**5)
            ids = {"account_id": account_id, "order_id": order.order_id}
            self.attempt(c.AmendOrder(**ids, price_e18=price_e18, quantity_e8=quantity_e8))

    @rule(symbol=st.sampled_from(SYMBOLS), percent=st.sampled_from([-15, -5, -2, -1, 1, 2, 5, 15]))
    def move_index(self, symbol: str, percent: int) -> None:
        index_e18 = self.state.markets[symbol].prices.index_e18 * (100 + percent) // 100
        self.do(c.SetIndex(symbol=symbol, price_e18=index_e18 + 7))

    @rule(seconds=st.sampled_from([1, 5, 70]))
    def tick(self, seconds: int) -> None:
        self.now_ms += seconds * 1000
        self.do(c.Tick())
        # Whoever was closed last may have moved the balances of others by a trade, so the look is at the second tick.
        self.do(c.Tick())
        for account in self.state.accounts.values():
            margin = account_margin(account, self.state.markets)
            is_safe = margin.cross_maintenance_e8 == 0 or margin.cross_balance_e8 > margin.cross_maintenance_e8
            assert is_safe or account is self.state.house
            assert account.wallet_e8 >= 0 or any(account.held()) or account is self.state.house

    @rule(symbol=st.sampled_from(SYMBOLS), rate=st.integers(min_value=-300_000, max_value=300_000))
    def settle_funding(self, symbol: str, rate: int) -> None:
        self.do(c.SetFunding(symbol=symbol, terms=FundingTerms(interval_ms=60_000, fixed_rate_e8=rate)))
        self.tick(seconds=70)

    @rule(account_id=TRADERS, amount=st.integers(min_value=1, max_value=5_000))
    def deposit(self, account_id: int, amount: int) -> None:
        self.transfer(account_id, amount)

    @rule(account_id=st.sampled_from([2, 4]), amount=st.integers(min_value=-300, max_value=300))
    def adjust_margin(self, account_id: int, amount: int) -> None:
        for side in self.state.accounts[account_id].sides:
            position = self.state.accounts[account_id].position("BTCUSDT", side)
            before_e8 = position.isolated_wallet_e8
            ids = {"account_id": account_id, "symbol": "BTCUSDT", "position_side": side}
            self.attempt(c.AdjustMargin(**ids, amount_e8=amount * E8))
            key = ("BTCUSDT", str(side))
            if position.isolated_wallet_e8 != before_e8:
                self.naive[account_id].positions[key].isolated += amount

    @invariant()
    def nothing_is_lost(self) -> None:
        """Compare deposits with wallets, unrealised profit, insurance and fees, without any rounding."""
        total = sum(account.wallet_e8 for account in self.state.accounts.values()) + self.state.fees_e8
        profit_e26 = sum(
            position.quantity_e8 * self.state.markets[position.symbol].mark_e18 - position.cost_e8 * E18
            for account in self.state.accounts.values()
            for position in account.held()
        )
        assert total * E18 + profit_e26 == self.deposits_e8 * E18

    @invariant()
    def every_long_has_a_short(self) -> None:
        for symbol in SYMBOLS:
            held = [position for account in self.state.accounts.values() for position in account.held()]
            assert sum(position.quantity_e8 for position in held if position.symbol == symbol) == 0

    @invariant()
    def income_explains_every_wallet(self) -> None:
        for account_id, account in self.state.accounts.items():
            assert account.wallet_e8 == self.incomes(account_id, *IncomeType)

    @invariant()
    def margins_agree_with_the_naive_model(self) -> None:
        marks = {symbol: Fraction(market.mark_e18, E18) for symbol, market in self.state.markets.items()}
        # What is rounded to a hundred-millionth, for each fill and payment of a long run.
        tolerance = Fraction(1, 10**4)
        for account_id, naive in self.naive.items():
            account = self.state.accounts[account_id]
            margin = account_margin(account, self.state.markets)
            orders = [
                NaiveOrder(o.symbol, o.position_side, Fraction(o.sign * o.remaining_e8, E8), Fraction(o.price_e18, E18))
                for o in account.orders()
                if not o.must_reduce
            ]
            for mine, theirs in (
                (margin.wallet_e8, naive.wallet),
                (margin.margin_balance_e8, naive.equity(marks)),
                (margin.maintenance_e8, naive.maintenance(marks)),
                (margin.available_e8, naive.available(marks, orders)),
            ):
                assert abs(Fraction(mine, E8) - theirs) < tolerance

    @invariant()
    def the_book_is_what_is_open(self) -> None:
        for symbol, market in self.state.markets.items():
            resting = {(int(o.order_id), o.quantity_wei) for side in Side for o in market.book.orders(side)}
            accounts = self.state.accounts.values()
            opened = {(o.order_id, o.remaining_e8) for account in accounts for o in account.orders(symbol)}
            assert resting == opened
            bid, ask = market.best_e18(Side.BUY), market.best_e18(Side.SELL)
            assert bid is None or ask is None or bid < ask

    @invariant()
    def isolated_wallets_are_never_negative_and_end_with_their_position(self) -> None:
        for account in self.state.accounts.values():
            for position in account.positions.values():
                assert position.isolated_wallet_e8 >= 0
                assert position.quantity_e8 or not position.isolated_wallet_e8
                assert position.quantity_e8 or not position.cost_e8

    @invariant()
    def what_may_only_reduce_can(self) -> None:
        for account in self.state.accounts.values():
            for order in account.orders():
                assert order.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
                assert not order.must_reduce or account.reducible_e8(order) > 0


AccountingMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=50, deadline=None)
TestAccounting = AccountingMachine.TestCase
