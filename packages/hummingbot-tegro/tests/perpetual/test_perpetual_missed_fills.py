"""A bot is killed between a fill and its record: the next start books it, once, in one-way and in hedge mode."""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.connector.derivative.tegro_perpetual import missed_fills
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, PositionSide
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)
from hummingbot.model.market_state import MarketState
from hummingbot.model.order import Order as OrderRow
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_tegro.common.bot_identity import order_id_prefix
from tegro.model import Side
from tegro.perpetual import PerpetualOrderRequest
from tegro.perpetual import PositionMode as ClientMode
from tegro.perpetual import PositionSide as ClientSide

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR, SYMBOL = "ETH-USDT", "ETHUSDT"
PRICE = "2100"
MODES = {PositionMode.ONEWAY: ClientMode.ONE_WAY, PositionMode.HEDGE: ClientMode.HEDGE}


@pytest_asyncio.fixture(params=MODES, ids=lambda mode: mode.name.lower(), loop_scope="module")
async def mode(desk, request):
    """Put the account into a position mode, and leave an empty one behind."""
    if desk.connector.position_mode is not request.param:
        await desk.set_mode(request.param, MODES[request.param])
    yield request.param
    await desk.connector._link.client.cancel_all(SYMBOL)
    await desk.clear()
    if desk.connector.position_mode is not PositionMode.ONEWAY:
        await desk.set_mode(PositionMode.ONEWAY, ClientMode.ONE_WAY)


def own_name(bot, mode: PositionMode) -> str:
    """Return a client order id of a bot. Each test has a bot of its own, and the account outlives both modes."""
    return f"{order_id_prefix(bot.recorder)}SETUT{mode.name}"


async def started(desk, bot, **options: bool):
    """Start a bot's next connector."""
    made = bot.connector(**options)
    await made.start_network()
    await desk.until(lambda: made.ready)
    return made


async def sold(desk, connector, action: PositionAction = PositionAction.OPEN, side: str = "sell") -> str:
    """Let a connector place an order of 1 that rests, and return its name."""
    place = connector.sell if side == "sell" else connector.buy
    name = place(PAIR, Decimal(1), OrderType.LIMIT, Decimal(PRICE), position_action=action)
    orders = connector.in_flight_orders
    await desk.until(lambda: name in orders and not orders[name].is_pending_create)
    return name


async def left_by_a_dead_process(desk, name: str, mode: PositionMode, price: str = PRICE) -> None:
    """Leave what a process leaves that dies between the venue's answer and its database."""
    client = desk.connector._link.client
    request = PerpetualOrderRequest(
        contract=await client.contract(SYMBOL),
        side=Side.SELL,
        quantity=Decimal(1),
        price=Decimal(price),
        position_side=ClientSide.SHORT if mode is PositionMode.HEDGE else ClientSide.BOTH,
        client_order_id=name,
    )
    await client.place(request)


def statuses(bot, name: str) -> list[str]:
    with bot.sql.get_new_session() as session:
        return [row.last_status for row in session.query(OrderRow).filter(OrderRow.id == name)]


def short_of(connector) -> Decimal:
    shorts = [each for each in connector.account_positions.values() if each.position_side is PositionSide.SHORT]
    return sum((each.amount for each in shorts), Decimal(0))


async def test_a_restored_order_that_ended_meanwhile(desk, make_bot, mode):
    bot = make_bot("restored")
    first = await started(desk, bot)
    name = await sold(desk, first)
    await first.stop_network()
    await desk.other_places(Side.BUY, "1", PRICE)
    for _ in range(2):
        second = await started(desk, bot)
        assert (bot.fills(name), statuses(bot, name)) == ([Decimal(1)], ["SellOrderCompleted"])
        assert short_of(second) == -1
        await second.stop_network()
    assert len(desk.of(OrderFilledEvent, name)) == len(desk.of(SellOrderCompletedEvent, name)) == 1


async def test_an_order_that_the_database_never_heard_of_and_that_ended_meanwhile(desk, make_bot, mode):
    bot = make_bot("unheard")
    await (await started(desk, bot)).stop_network()
    name = own_name(bot, mode)
    await left_by_a_dead_process(desk, name, mode)
    await desk.other_places(Side.BUY, "0.25", PRICE)
    await desk.other_places(Side.BUY, "0.75", PRICE)
    for _ in range(2):
        second = await started(desk, bot)
        assert sorted(bot.fills(name)) == [Decimal("0.25"), Decimal("0.75")]
        assert statuses(bot, name) == ["SellOrderCompleted"]
        assert short_of(second) == -1
        await second.stop_network()
    assert len(desk.of(SellOrderCreatedEvent, name)) == len(desk.of(SellOrderCompletedEvent, name)) == 1
    assert len(desk.of(OrderFilledEvent, name)) == 2


async def test_one_that_was_cancelled_after_a_part_was_filled(desk, make_bot, mode):
    bot = make_bot("part")
    await (await started(desk, bot)).stop_network()
    name = own_name(bot, mode)
    await left_by_a_dead_process(desk, name, mode)
    await desk.other_places(Side.BUY, "0.25", PRICE)
    await desk.connector._link.client.cancel(SYMBOL, name)
    second = await started(desk, bot)
    assert (bot.fills(name), statuses(bot, name)) == ([Decimal("0.25")], ["OrderCancelled"])
    assert len(desk.of(OrderCancelledEvent, name)) == 1
    await second.stop_network()


async def test_an_order_that_is_recorded_and_not_restored(desk, make_bot, mode):
    """Its saved state is not loaded, as where a connector joins a running bot: it is known, but not tracked."""
    bot = make_bot("recorded")
    first = await started(desk, bot)
    name = await sold(desk, first)
    await desk.other_places(Side.BUY, "0.25", PRICE)
    await desk.until(lambda: bot.fills(name) == [Decimal("0.25")])
    await first.stop_network()
    await desk.other_places(Side.BUY, "0.75", PRICE)
    second = await started(desk, bot, restores=False)
    assert sorted(bot.fills(name)) == [Decimal("0.25"), Decimal("0.75")]
    assert statuses(bot, name) == ["SellOrderCompleted"]
    assert short_of(second) == -1
    await second.stop_network()
    assert len(desk.of(SellOrderCreatedEvent, name)) == 1
    assert [event.amount for event in desk.of(OrderFilledEvent, name)] == [Decimal("0.25"), Decimal("0.75")]


async def test_a_closing_order_keeps_its_meaning(desk, make_bot, mode):
    bot = make_bot("closing")
    first = await started(desk, bot)
    opening = await sold(desk, first)
    await desk.other_places(Side.BUY, "1", PRICE)
    await desk.until(lambda: statuses(bot, opening) == ["SellOrderCompleted"])
    await desk.until(lambda: short_of(first) == -1)
    name = await sold(desk, first, PositionAction.CLOSE, "buy")
    await first.stop_network()
    await desk.other_places(Side.SELL, "1", PRICE)
    second = await started(desk, bot, restores=False)
    assert [row.position for row in bot.rows(name)] == [PositionAction.CLOSE.value]
    assert len(desk.of(BuyOrderCompletedEvent, name)) == 1
    assert not second.account_positions
    await second.stop_network()


async def test_many_orders_of_others_are_read_in_lists(desk, make_bot, mode):
    bot = make_bot("crowd")
    await (await started(desk, bot)).stop_network()
    for number in range(missed_fills.FEW + 2):
        await left_by_a_dead_process(desk, f"somebody-{mode.name}-{number}", mode)
    name = own_name(bot, mode)
    await left_by_a_dead_process(desk, name, mode)
    await desk.other_places(Side.BUY, str(missed_fills.FEW + 3), PRICE)
    desk.proxy.requests.clear()
    second = await started(desk, bot)
    assert bot.fills(name) == [Decimal(1)]
    assert desk.proxy.requests.count("GET /fapi/v1/allOrders") == 1
    assert "GET /fapi/v1/order" not in desk.proxy.requests
    assert not bot.fills(f"somebody-{mode.name}-0")
    await second.stop_network()


async def test_a_venue_that_does_not_answer_is_asked_again(desk, make_bot, mode, monkeypatch):
    from hummingbot_tegro.common import earlier_orders

    monkeypatch.setattr(earlier_orders, "RETRY_SECS", 0.05)
    bot = make_bot("away")
    await (await started(desk, bot)).stop_network()
    name = own_name(bot, mode)
    await left_by_a_dead_process(desk, name, mode)
    await desk.other_places(Side.BUY, "1", PRICE)
    desk.proxy.requests.clear()
    desk.proxy.breaks_reads = True
    second = bot.connector()
    await second.start_network()
    await desk.until(lambda: len(desk.proxy.requests) > 3)
    assert not second.status_dict["earlier_orders_taken_up"]
    desk.proxy.breaks_reads = False
    await desk.until(lambda: second.ready)
    assert bot.fills(name) == [Decimal(1)]
    await second.stop_network()


async def test_the_database_says_when_it_last_recorded_anything(desk, make_bot):
    bot = make_bot("clock")
    connector = await started(desk, bot)
    market = connector.display_name
    assert missed_fills.last_recorded_ms(bot.recorder, market) is None
    await sold(desk, connector)
    with bot.sql.get_new_session() as session:
        (state,) = session.query(MarketState).all()
    assert missed_fills.last_recorded_ms(bot.recorder, market) == state.timestamp
    assert missed_fills.last_recorded_ms(bot.recorder, "another") is None
    await connector.cancel_all(30)
    await connector.stop_network()


@given(
    recorded_ms=st.none() | st.integers(0, 4 * 10**12),
    now_ms=st.integers(10**12, 2 * 10**12),
    ago_ms=st.integers(0, missed_fills.FURTHEST_MS),
)
def test_it_looks_far_enough_and_never_further_than_the_venue_lists(recorded_ms, now_ms, ago_ms):
    start_ms = missed_fills.look_from_ms(recorded_ms, now_ms)
    assert now_ms - 7 * 24 * 60 * 60 * 1000 < start_ms < now_ms
    happened_ms = now_ms - ago_ms
    if recorded_ms is not None and happened_ms >= recorded_ms - missed_fills.MARGIN_MS:
        assert start_ms <= happened_ms
