"""The journal of the perpetual venue: whatever it was told, it comes back as it was, from steps, snapshot, or both."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegro.model import Side
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import Durability
from tegro_localnet.journal.journal import Journal, replay
from tegro_localnet.journal.perpetual import KeptPerpetual
from tegro_localnet.perpetual.agents import PerpetualCrowd
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import MarginType, OrderType, PositionSide, SelfTrade, TimeInForce
from tegro_localnet.perpetual.gateway.account_views import AccountViews
from tegro_localnet.perpetual.snapshot import take_snapshot
from tegro_localnet.perpetual.venue import PerpetualVenue

START_MS = 1_700_000_000_000
E8 = 10**8
SYMBOLS = ("BTCUSDT", "ETHUSDT")
TRADERS = 4
NEVER = 10**9


class Life:
    """A venue with four accounts on a clock of its own, and what may happen to it."""

    def __init__(self, seed: int = 1) -> None:
        self.now_ms = START_MS
        self.venue = PerpetualVenue(PerpetualConfig(), lambda: self.now_ms, random.Random(seed), start_ms=START_MS)
        self.acts: list[Callable[[random.Random], Any]] = [
            *[self.place] * 8,
            *[self.pass_time] * 3,
            *(self.move_index, self.cancel, self.amend, self.transfer, self.adjust_margin, self.set_funding),
            *(self.choose, self.listen, self.stop_listening, self.count_down, self.look),
        ]

    def begin(self) -> None:
        for number in range(TRADERS):
            account_id = self.venue.open_account((50_000 if number else 3_000) * E8).account_id
            for symbol in SYMBOLS:
                self.do(c.SetLeverage(account_id=account_id, symbol=symbol, leverage=(20, 50, 100)[number % 3]))
        self.do(c.SetPositionMode(account_id=3, is_hedge=True))
        self.do(c.SetMarginType(account_id=4, symbol="ETHUSDT", margin_type=MarginType.ISOLATED))

    def do(self, command: Any) -> None:
        try:
            self.venue.apply(command)
        except Rejected:
            return

    def act(self, number: int) -> None:
        rng = random.Random(number)
        rng.choice(self.acts)(rng)

    def place(self, rng: random.Random) -> None:
        symbol, account_id = rng.choice(SYMBOLS), rng.randint(1, TRADERS)
        market = self.venue.state.markets[symbol]
        tick_e18, step_e8 = market.contract.tick_e18, market.contract.step_e8
        price_e18 = market.mark_e18 * (1000 + rng.randint(-15, 15)) // 1000 // tick_e18 * tick_e18
        quantity_e8 = rng.randint(1_000, 150_000) * E8 * 10**18 // market.mark_e18 // step_e8 * step_e8
        is_hedge = self.venue.state.accounts[account_id].is_hedge
        command = c.PlaceOrder(
            account_id=account_id,
            symbol=symbol,
            side=rng.choice(list(Side)),
            position_side=rng.choice((PositionSide.LONG, PositionSide.SHORT)) if is_hedge else PositionSide.BOTH,
            type=rng.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET)),
            time_in_force=rng.choice(list(TimeInForce)),
            price_e18=price_e18,
            quantity_e8=quantity_e8,
            reduce_only=rng.random() < 0.1 and not is_hedge,
            self_trade=rng.choice(list(SelfTrade)),
            good_till_ms=self.now_ms + rng.choice((700_000, 100)),
            client_order_id=rng.choice((None, None, "mine", "yours")),
            is_test=rng.random() < 0.05,
        )
        self.do(command)

    def pass_time(self, rng: random.Random) -> None:
        self.now_ms += rng.choice((1, 1_000, 5_000, 61_000, 3_600_000))
        self.venue.pulse()

    def move_index(self, rng: random.Random) -> None:
        symbol = rng.choice(SYMBOLS)
        index_e18 = self.venue.state.markets[symbol].prices.index_e18
        self.do(c.SetIndex(symbol=symbol, price_e18=index_e18 * rng.choice((85, 95, 99, 101, 105, 115)) // 100 + 7))

    def cancel(self, rng: random.Random) -> None:
        account_id = rng.randint(1, TRADERS)
        orders = self.venue.state.accounts[account_id].orders()
        order_id = rng.choice(orders).order_id if orders else 5
        self.do(c.CancelOrder(account_id=account_id, order_id=order_id))

    def amend(self, rng: random.Random) -> None:
        account_id = rng.randint(1, TRADERS)
        for order in self.venue.state.accounts[account_id].orders()[:1]:
            tick_e18 = self.venue.state.markets[order.symbol].contract.tick_e18
            price_e18 = order.price_e18 + rng.randint(-300, 300) * tick_e18
            ids = {"account_id": account_id, "order_id": order.order_id}
            self.do(c.AmendOrder(**ids, price_e18=price_e18, quantity_e8=order.quantity_e8))

    def transfer(self, rng: random.Random) -> None:
        self.do(c.Transfer(account_id=rng.randint(1, TRADERS), amount_e8=rng.randint(-9_000, 1_000) * E8))

    def adjust_margin(self, rng: random.Random) -> None:
        for account_id in range(1, TRADERS + 1):
            for position in tuple(self.venue.state.accounts[account_id].held()):
                ids = {"account_id": account_id, "symbol": position.symbol, "position_side": position.side}
                self.do(c.AdjustMargin(**ids, amount_e8=rng.randint(-20, 200) * E8))

    def set_funding(self, rng: random.Random) -> None:
        terms = FundingTerms(interval_ms=60_000, fixed_rate_e8=rng.choice((None, 100_000, -300_000)))
        self.do(c.SetFunding(symbol=rng.choice(SYMBOLS), terms=terms))

    def choose(self, rng: random.Random) -> None:
        ids = {"account_id": rng.randint(1, TRADERS), "symbol": rng.choice(SYMBOLS)}
        self.do(c.SetLeverage(**ids, leverage=rng.choice((1, 10, 100, 126))))
        self.do(c.SetMarginType(**ids, margin_type=rng.choice(list(MarginType))))
        self.do(c.SetPositionMode(account_id=ids["account_id"], is_hedge=rng.random() < 0.5))

    def listen(self, rng: random.Random) -> None:
        self.venue.listen(rng.randint(1, TRADERS))

    def stop_listening(self, rng: random.Random) -> None:
        account_id = rng.randint(1, TRADERS)
        if self.venue.keys.listen_key_of(account_id) is not None:
            self.venue.stop_listening(account_id)

    def count_down(self, rng: random.Random) -> None:
        ids = {"account_id": rng.randint(1, TRADERS), "symbol": rng.choice(SYMBOLS)}
        self.do(c.CountDown(**ids, countdown_ms=rng.choice((0, 500, 90_000))))

    def look(self, rng: random.Random) -> None:
        """Read what a client may read: it must change nothing."""
        views = AccountViews(self.venue.state)
        account = self.venue.state.accounts[rng.randint(0, TRADERS)]
        views.account(account, is_full=True)
        views.rows(account, rng.choice(SYMBOLS), is_full=True)


def state_of(venue: PerpetualVenue) -> bytes:
    return KeptPerpetual(venue).take_snapshot()


def lived(folder: Path, acts: list[int], snapshot_every: int = NEVER) -> Life:
    """Return a life whose steps are in a folder."""
    life = Life()
    journal = Journal(folder, Durability.PROCESS, snapshot_every)
    journal.open(KeptPerpetual(life.venue))
    life.begin()
    for number in acts:
        life.act(number)
    journal.close()
    life.venue.write_to(lambda _: None)
    return life


def again(folder: Path) -> tuple[PerpetualVenue, int]:
    """Return the venue that a folder tells of, and how many steps were done again."""
    venue = Life(seed=2).venue
    return venue, replay(folder, KeptPerpetual(venue))


ACTS = st.lists(st.integers(0, 2**32), max_size=120)


@settings(deadline=None, max_examples=40)
@given(acts=ACTS, snapshot_every=st.sampled_from([NEVER, 20, 60]))
def test_a_venue_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, acts: list[int], snapshot_every: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    life = lived(folder, acts, snapshot_every)
    venue, steps = again(folder)
    assert state_of(venue) == state_of(life.venue)
    assert (steps == life.venue.count) is (snapshot_every > life.venue.count)


@settings(deadline=None, max_examples=25)
@given(acts=ACTS, more=ACTS)
def test_a_venue_that_came_back_goes_on_as_the_other_would_have(
    tmp_path_factory: pytest.TempPathFactory, acts: list[int], more: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    life = lived(folder, acts, snapshot_every=30)
    second = Life()
    replay(folder, KeptPerpetual(second.venue))
    # When it ticked last is not kept: after a second everybody ticks.
    later_ms = life.now_ms + 1_000
    for each in (life, second):
        each.now_ms = later_ms
        each.venue.pulse()
        for number in more:
            each.act(number)
    assert traded_in(second.venue) == traded_in(life.venue)


def traded_in(venue: PerpetualVenue) -> bytes:
    """Return the state without the keys: what is drawn is in the journal, the generator is not."""
    whole = take_snapshot(venue)
    return msgspec.json.encode([whole.steps, whole.engine, whole.tapes])


def busy_acts() -> list[int]:
    return [random.Random(11).randrange(2**32) + number for number in range(700)]


def test_the_lives_of_these_tests_know_liquidation_and_funding(tmp_path: Path) -> None:
    life = lived(tmp_path, busy_acts(), snapshot_every=100)
    state = life.venue.state
    kinds = {income.type for records in state.records.values() for income in records.incomes}
    assert {"FUNDING_FEE", "INSURANCE_CLEAR", "REALIZED_PNL", "COMMISSION"} <= {str(kind) for kind in kinds}
    assert any(records.forced for records in state.records.values())
    assert any(records.margin_changes for records in state.records.values())
    assert sum(path.name.startswith("perpetual-snapshot-") for path in tmp_path.iterdir()) == 1
    assert state_of(again(tmp_path)[0]) == state_of(life.venue)


def test_the_same_seed_and_inputs_leave_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        lived(tmp_path / name, busy_acts()[:150], snapshot_every=50)
    files = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert files[0] == files[1]
    assert all((path.stat().st_mode & 0o777) == 0o600 for path in (tmp_path / "a").iterdir())


def test_another_outcome_is_named_by_its_place(tmp_path: Path) -> None:
    """In a venue whose index begins elsewhere, the first order that trades gives something else."""
    life = lived(tmp_path, busy_acts()[:60])
    other = PerpetualVenue(PerpetualConfig(), lambda: START_MS, random.Random(1), start_ms=START_MS + 1)
    with pytest.raises(LocalnetError) as refusal:
        replay(tmp_path, KeptPerpetual(other))
    assert str(refusal.value).startswith(f"{tmp_path / 'perpetual-steps-000000000000'} at offset ")
    assert "gave" in str(refusal.value)
    assert "was written" in str(refusal.value)
    assert life.venue.count > 60


def test_agents_find_their_accounts_again(tmp_path: Path) -> None:
    life = Life()
    journal = Journal(tmp_path, Durability.PROCESS, NEVER)
    journal.open(KeptPerpetual(life.venue))
    crowd = PerpetualCrowd(life.venue, random.Random(3))
    crowd.quote()
    journal.close()
    venue, _ = again(tmp_path)
    second = PerpetualCrowd(venue, random.Random(4))
    assert (second.maker_id, second.taker_id) == (crowd.maker_id, crowd.taker_id)
    assert list(venue.state.accounts) == [0, crowd.maker_id, crowd.taker_id]
    assert venue.state.accounts[second.maker_id].setting("BTCUSDT").leverage == 5
    before = {order.order_id for order in venue.state.accounts[second.maker_id].orders()}
    second.quote()
    after = {order.order_id for order in venue.state.accounts[second.maker_id].orders()}
    assert len(before) == len(after) > 0 == len(before & after)
