"""What a bot finds when it starts again: restored orders, one that its database never heard of, those of others."""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.core.data_type.in_flight_order import OrderState

from hummingbot_tegro.common.bot_identity import order_id_prefix
from tegro.model import Side
from tegro.perpetual import PerpetualOrderRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR, SYMBOL = "ETH-USDT", "ETHUSDT"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _clean(desk):
    yield
    await desk.connector._link.client.cancel_all(SYMBOL)
    await desk.clear()


async def started(desk, bot):
    """Start a bot's next connector."""
    made = bot.connector()
    await made.start_network()
    await desk.until(lambda: made.ready)
    return made


async def placed(desk, connector, price: str):
    """Let a connector sell, and wait until the order is at the venue."""
    name = connector.sell(PAIR, Decimal(1), OrderType.LIMIT, Decimal(price), position_action=PositionAction.OPEN)
    orders = connector.in_flight_orders
    await desk.until(lambda: name in orders and not orders[name].is_pending_create)
    return orders[name]


async def resting(desk) -> set[str]:
    return {order.client_order_id for order in await desk.connector._link.client.open_orders(SYMBOL)}


async def place_by_hand(desk, name: str, price: str) -> None:
    """Leave what a process leaves that dies between the venue's answer and its database."""
    client = desk.connector._link.client
    terms = {"side": Side.SELL, "quantity": Decimal(1), "price": Decimal(price), "client_order_id": name}
    await client.place(PerpetualOrderRequest(contract=await client.contract(SYMBOL), **terms))


async def test_orders_of_a_killed_run_are_cancelled_before_the_next_is_ready(desk, make_bot):
    bot = make_bot("crash")
    first = await started(desk, bot)
    order = await placed(desk, first, "2100")
    await first.stop_network()
    assert order.client_order_id in await resting(desk)
    await desk.other_places(Side.BUY, "0.25", "2100")

    second = await started(desk, bot)
    assert order.client_order_id not in await resting(desk)
    assert not second.in_flight_orders
    assert bot.fills(order.client_order_id) == [Decimal("0.25")]
    await second.stop_network()


async def test_they_are_taken_up_where_the_settings_say_so(desk, make_bot, monkeypatch, settings_file, tmp_path):
    path = tmp_path / "adopt.toml"
    path.write_text(settings_file.read_text() + '[perpetual.localnet.hummingbot]\norders_at_start = "adopt"\n')
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    bot = make_bot("adopt")
    first = await started(desk, bot)
    order = await placed(desk, first, "2100")
    await first.stop_network()
    await desk.other_places(Side.BUY, "0.25", "2100")

    second = await started(desk, bot)
    restored = second.in_flight_orders[order.client_order_id]
    await desk.until(lambda: restored.executed_amount_base == Decimal("0.25"))
    assert restored.current_state is OrderState.PARTIALLY_FILLED
    await desk.other_places(Side.BUY, "0.75", "2100")
    await desk.until(lambda: bot.fills(order.client_order_id) == [Decimal("0.25"), Decimal("0.75")])
    await second.stop_network()


async def test_an_order_the_database_never_heard_of_is_booked_once_and_cancelled(desk, make_bot):
    bot = make_bot("orphan")
    await (await started(desk, bot)).stop_network()
    name = f"{order_id_prefix(bot.recorder)}SETUT1"
    await place_by_hand(desk, name, "2100")
    await desk.other_places(Side.BUY, "0.25", "2100")
    for _ in range(2):
        connector = await started(desk, bot)
        await desk.until(lambda: bot.fills(name) == [Decimal("0.25")])
        await connector.stop_network()
    assert name not in await resting(desk)


async def test_orders_of_another_bot_and_of_nobody_are_shown_and_left_alone(desk, make_bot, caplog):
    caplog.set_level("INFO")
    other_bot = make_bot("theirs")
    theirs = await started(desk, other_bot)
    order = await placed(desk, theirs, "2100")
    await place_by_hand(desk, "by-hand", "2150")
    caplog.clear()
    ours = await started(desk, make_bot("ours"))
    assert {order.client_order_id, "by-hand"} <= await resting(desk)
    told = " ".join(record.message for record in caplog.records if "left alone" in record.message)
    assert order.client_order_id in told
    assert "ETHUSDT by-hand" in told
    await ours.stop_network()
    await theirs.stop_network()


async def test_a_mistake_in_the_plug_ins_own_table_is_named(desk, monkeypatch, settings_file, tmp_path):
    path = tmp_path / "wrong.toml"
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    for line, words in (
        ('orders_at_start = "keep"', "orders_at_start must be one of cancel, adopt, was 'keep'"),
        ('order_at_start = "adopt"', "order_at_start"),
    ):
        path.write_text(f"{settings_file.read_text()}[perpetual.localnet.hummingbot]\n{line}\n")
        with pytest.raises(Exception, match=words):
            desk.new_connector()
