"""The whole pure core against the naive one, step by step: orders, matches, reservations, failures, conservation.

The chain is a dictionary here: it moves tokens as the contract does (fees from what each side receives), and the venue
learns of every change as it does from the real one.
"""

import random
from collections.abc import Iterator

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tegro.model import Market, Side, Token, TradeState
from tegro_localnet.announcer import Announcer
from tegro_localnet.dialect import Dialect
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.engine.reference_core import ReferenceCore, token_of
from tegro_localnet.events import EventHub
from tegro_localnet.journal.rerun import run_again
from tegro_localnet.journal.snapshot import Snapshot, restore, take_snapshot
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.switches import SwitchBoard, Switches
from tegro_localnet.trades import TradeRecord

BASE = Token(address="0x" + "ba" * 20, symbol="BASE", decimals=3)
QUOTE = Token(address="0x" + "c0" * 20, symbol="QUOTE", decimals=2)
TOKENS = {"base": BASE.address, "quote": QUOTE.address}
MARKET = Market(
    id="1_b_q", symbol="BASE_QUOTE", chain_id=1, base=BASE, quote=QUOTE, base_precision=3, quote_precision=2
)
MIN_ORDER_VALUE_WEI = 20
FEE_BPS = 70
WALLETS = ["0x" + f"{number:040x}" for number in range(1, 4)]
MINTED_WEI = {"base": 60_000, "quote": 6_000}
VAULT = "vault"

wallets = st.sampled_from(WALLETS)
sides = st.sampled_from(Side)
tokens = st.sampled_from(list(TOKENS))
prices = st.integers(min_value=98, max_value=102)
quantities = st.integers(min_value=200, max_value=4_000)
numbers = st.integers(min_value=0, max_value=10**6)
shares = st.sampled_from([4, 4, 3, 2, 0])


def fresh_core(clock: Iterator[int]) -> SharedLifecycle:
    return SharedLifecycle(
        markets={MARKET.id: ListedMarket(MARKET, MIN_ORDER_VALUE_WEI)},
        ledger=Ledger(),
        announcer=Announcer(EventHub(), Dialect(SwitchBoard(Switches())), lambda: 0),
        fee_bps=FEE_BPS,
        clock_ms=lambda: next(clock),
        rng=random.Random(5),
    )


def ticking() -> Iterator[int]:
    now_ms = 1_700_000_000_000
    while True:
        yield (now_ms := now_ms + 7)


class CoreAgainstReference(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.core = fresh_core(ticking())
        self.entries: list[bytes] = []
        self.core.steps.write_to(lambda entry: self.entries.append(msgspec.json.encode(entry)))
        self.reference = ReferenceCore(BASE.decimals, QUOTE.decimals, MIN_ORDER_VALUE_WEI)
        self.chain: dict[tuple[str, str], int] = {}
        self.allowed: dict[tuple[str, str], int] = {}

    @initialize()
    def mint(self) -> None:
        for wallet in WALLETS:
            for token, amount in MINTED_WEI.items():
                self.chain[wallet, token] = self.allowed[wallet, token] = amount // len(WALLETS)
                self.read(wallet, token)

    @rule(orders=st.lists(st.tuples(wallets, sides, prices, quantities), min_size=1, max_size=6))
    def place_some(self, orders: list[tuple[str, Side, int, int]]) -> None:
        for order in orders:
            self.place(*order)

    def place(self, wallet: str, side: Side, price: int, quantity: int) -> None:
        price_e18 = price * 10**16
        value_wei = self.reference.value_wei(price_e18, quantity)
        amount_wei = quantity if side is Side.SELL else value_wei
        if value_wei < MIN_ORDER_VALUE_WEI:
            return
        lack = self.core.ledger.lack_for(wallet, TOKENS[token_of(side)], amount_wei)
        assert lack == self.reference.place(wallet, side, price_e18, quantity)
        if lack is None:
            number = len(self.reference.orders)
            order = SignedOrder(
                base_token=BASE.address,
                quote_token=QUOTE.address,
                price_e18=price_e18,
                total_quantity_wei=quantity,
                is_buy=side is Side.BUY,
                salt=number,
                maker=wallet,
            )
            self.core.accept(order, MARKET.id, f"{number:064x}")

    @precondition(lambda self: self.reference.orders)
    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        number %= len(self.reference.orders)
        record = self.records()[number]
        if record.is_open:
            self.core.end_order(record, 611)
        self.reference.cancel(number)

    @rule(wallet=wallets, token=tokens, keep=shares)
    def move_away(self, wallet: str, token: str, keep: int) -> None:
        """The owner moves tokens to a vault: all of them, or up to three quarters stay."""
        moved = self.chain[wallet, token] * (4 - keep) // 4
        self.chain[wallet, token] -= moved
        self.chain[VAULT, token] = self.chain.get((VAULT, token), 0) + moved
        self.read(wallet, token)

    @rule(wallet=wallets, token=tokens)
    def move_back(self, wallet: str, token: str) -> None:
        self.chain[wallet, token] += self.chain.pop((VAULT, token), 0)
        self.read(wallet, token)

    @rule(wallet=wallets, token=tokens, quarters=shares)
    def approve(self, wallet: str, token: str, quarters: int) -> None:
        self.allowed[wallet, token] = MINTED_WEI[token] * quarters // 4
        self.read(wallet, token)

    @rule(verdicts=st.lists(st.tuples(numbers, st.none() | sides, st.sampled_from([False, False, True])), max_size=5))
    def decide_some(self, verdicts: list[tuple[int, Side | None, bool]]) -> None:
        for number, poor, spoil in verdicts:
            waiting = [index for index, match in enumerate(self.reference.matches) if match.is_pending]
            if waiting:
                self.decide(waiting[number % len(waiting)], poor, spoil=spoil)

    def decide(self, index: int, poor: Side | None, *, spoil: bool) -> None:
        """The chain settles or refuses a match, whatever its turn; one side may have nothing left."""
        trade = list(self.core.trades)[index]
        if poor is not None:
            record = trade.buy if poor is Side.BUY else trade.sell
            self.move_away(record.order.maker, token_of(poor), 0)
        self.core.send_batch([trade], 0)
        if spoil or not self.pay(trade):
            self.core.fail(trade, "0xbad", "refused")
            self.reference.fail(index)
            return
        self.core.settle(trade, "0xgood")
        self.reference.settle(index)
        for wallet in dict.fromkeys((trade.buy.order.maker, trade.sell.order.maker)):
            for token in TOKENS:
                self.read(wallet, token)

    @rule()
    def start_again(self) -> None:
        """The venue goes on from its snapshot, as after a restart."""
        snapshot = take_snapshot(self.core)
        core = fresh_core(ticking())
        restore(core, msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot))
        assert take_snapshot(core) == snapshot
        self.core = core
        core.steps.write_to(lambda entry: self.entries.append(msgspec.json.encode(entry)))

    @invariant()
    def both_hold_the_same(self) -> None:
        numbers_by_id = {record.order_id: str(number) for number, record in enumerate(self.records())}
        for record, order in zip(self.records(), self.reference.orders, strict=True):
            assert (record.status, record.cancel_code) == (order.status, order.code)
            assert (record.filled_wei, record.pending_wei) == (order.filled_wei, order.pending_wei)
        for trade, match in zip(self.core.trades, self.reference.matches, strict=True):
            assert (trade.quantity_wei, trade.price_e18) == (match.quantity_wei, match.price_e18)
            assert (trade.state is TradeState.PENDING) == match.is_pending
        book = self.core.markets[MARKET.id].book
        for side in Side:
            orders = [(numbers_by_id[o.order_id], o.price_e18, o.quantity_wei) for o in book.orders(side)]
            assert orders == self.reference.book.orders(side)

    @invariant()
    def what_is_reserved_is_what_is_needed(self) -> None:
        for wallet in WALLETS:
            for token, address in TOKENS.items():
                held = self.core.ledger.holding(wallet, address)
                assert held.reserved_wei == self.reference.reserved_wei(wallet, token) >= 0

    @invariant()
    def every_token_is_somewhere(self) -> None:
        assert min(self.chain.values(), default=0) >= 0
        for token, minted in MINTED_WEI.items():
            assert sum(amount for (_, of), amount in self.chain.items() if of == token) in (0, minted)

    def teardown(self) -> None:
        """What was written down gives the same venue again, and the same bytes."""
        again = fresh_core(ticking())
        for place, record in enumerate(self.entries):
            run_again(again, record, f"step {place}")
        assert take_snapshot(again) == take_snapshot(self.core)

    def records(self) -> list[OrderRecord]:
        return list(self.core.orders)

    def read(self, wallet: str, token: str) -> None:
        balance, allowance = self.chain[wallet, token], self.allowed[wallet, token]
        self.core.take_holding(wallet, TOKENS[token], balance, allowance)
        self.reference.hold(wallet, token, balance, allowance)

    def pay(self, trade: TradeRecord) -> bool:
        """Move the tokens of a match as the contract does; False where one side cannot pay."""
        moves = [
            (trade.sell.order.maker, trade.buy.order.maker, "base", trade.quantity_wei),
            (trade.buy.order.maker, trade.sell.order.maker, "quote", trade.quote_wei),
        ]
        for payer, _, token, amount in moves:
            if min(self.chain[payer, token], self.allowed[payer, token]) < amount:
                return False
        for payer, receiver, token, amount in moves:
            fee = amount * FEE_BPS // 10_000
            self.chain[payer, token] -= amount
            self.allowed[payer, token] -= amount
            self.chain[receiver, token] += amount - fee
            self.chain["fees", token] = self.chain.get(("fees", token), 0) + fee
        return True


TestCoreAgainstReference = CoreAgainstReference.TestCase
TestCoreAgainstReference.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
