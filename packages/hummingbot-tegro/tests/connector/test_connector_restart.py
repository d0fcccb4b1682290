"""What a bot finds when it starts again: restored orders, orders its database never heard of, orders of others."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import hummingbot
import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState

from hummingbot_tegro.common import earlier_orders
from hummingbot_tegro.common.bot_identity import order_id_prefix, recorded_orders
from tegro.client import AsyncTegro
from tegro.journal import EntryState, SqliteJournal
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.signer import LocalSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = OrderType.LIMIT


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _empty_books(desk):
    yield
    desk.proxy.break_reads = desk.proxy.swallow_place = desk.proxy.drop_reply_to_place = False
    async with AsyncTegro(desk.connector._link.environment, signer=LocalSigner(desk.wallet.key)) as wallet:
        await wallet.cancel_all()
    await desk.clear()


async def ready(desk, connector) -> None:
    await connector.start_network()
    await desk.until(lambda: connector.ready)


async def die(connector) -> None:
    """End a connector as a kill does: nothing of it is told or saved."""
    await connector.stop_network()


async def placed(desk, connector, side: str = "sell", price: str = "3000", amount: str = "1") -> InFlightOrder:
    order_id = getattr(connector, side)("WETH-USDC", Decimal(amount), LIMIT, Decimal(price))
    orders = connector.in_flight_orders
    await desk.until(lambda: order_id in orders and not orders[order_id].is_pending_create)
    return orders[order_id]


async def sign_and_place(desk, name: str, price: str = "3000", amount: str = "1"):
    """Leave what a process leaves that dies between the venue's answer and its database."""
    journal = SqliteJournal(Path(hummingbot.data_path()) / "tegro_journal.sqlite")
    environment = desk.connector._link.environment
    async with AsyncTegro(environment, signer=LocalSigner(desk.wallet.key), journal=journal) as client:
        market = await client.market("WETH_USDC")
        request = OrderRequest(
            market=market, side=Side.SELL, price=Decimal(price), quantity=Decimal(amount), client_order_id=name
        )
        outcome = await client.place(request)
    journal.close()
    return outcome


async def resting(desk) -> list[str]:
    return [order.order_id for order in await desk.other.orders(desk.wallet.address, statuses=("active",))]


def set_options(monkeypatch, settings_file, tmp_path, **options: str) -> None:
    lines = [f'{key} = "{value}"' for key, value in options.items()]
    path = tmp_path / "options.toml"
    path.write_text(settings_file.read_text() + "[localnet.hummingbot]\n" + "\n".join(lines) + "\n")
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))


async def test_core_fault_orders_restored_after_a_crash_are_cancelled_before_the_bot_is_ready(desk, make_bot):
    # Stock Hummingbot cancels dangling orders before it restores them: the old ones stay, and new ones come beside.
    bot = make_bot("crash")
    first = bot.connector()
    await ready(desk, first)
    order = await placed(desk, first)
    await die(first)
    assert order.exchange_order_id in await resting(desk)

    second = bot.connector()
    assert order.client_order_id in second.in_flight_orders
    assert not second.ready
    await ready(desk, second)
    assert order.exchange_order_id not in await resting(desk)
    assert not second.in_flight_orders
    await second.stop_network()


async def test_restored_orders_are_taken_up_where_the_settings_say_so(
    desk, make_bot, monkeypatch, settings_file, tmp_path
):
    set_options(monkeypatch, settings_file, tmp_path, orders_at_start="adopt")
    bot = make_bot("adopt")
    first = bot.connector()
    await ready(desk, first)
    order = await placed(desk, first)
    await die(first)
    await desk.other_places(Side.BUY, "0.25", "3000")

    second = bot.connector()
    await ready(desk, second)
    restored = second.in_flight_orders[order.client_order_id]
    await desk.until(lambda: restored.executed_amount_base == Decimal("0.25"))
    assert restored.current_state is OrderState.PARTIALLY_FILLED
    await desk.other_places(Side.BUY, "0.75", "3000")
    await desk.until(lambda: len(bot.fills(order.client_order_id)) == 2)
    await second.stop_network()


async def test_an_order_the_database_never_heard_of_is_found_with_its_fills_and_booked_once(desk, make_bot):
    bot = make_bot("orphan")
    bot.connector()
    name = f"{order_id_prefix(bot.recorder)}SWHUC1"
    outcome = await sign_and_place(desk, name)
    assert isinstance(outcome, Accepted)
    await desk.other_places(Side.BUY, "0.25", "3000")
    assert recorded_orders(bot.recorder, [name]) == set()

    for _ in range(2):
        connector = bot.connector()
        await ready(desk, connector)
        await desk.until(lambda: len(bot.fills(name)) == 1)
        await connector.stop_network()
        assert recorded_orders(bot.recorder, [name]) == {name}
    assert bot.fills(name) == [Decimal("0.25")]
    assert outcome.order_id not in await resting(desk)


async def test_an_orphan_that_ended_before_the_start_is_booked_too(desk, make_bot):
    bot = make_bot("ended")
    bot.connector()
    name = f"{order_id_prefix(bot.recorder)}SWHUC2"
    await sign_and_place(desk, name, amount="0.5")
    await desk.other_places(Side.BUY, "0.5", "3000")
    journal = SqliteJournal(Path(hummingbot.data_path()) / "tegro_journal.sqlite")
    connector = bot.connector()
    await ready(desk, connector)
    await desk.until(lambda: len(bot.fills(name)) == 1)
    await desk.until(lambda: journal.find_by_client_order_id(name).state is EntryState.ENDED)
    await connector.stop_network()
    journal.close()


async def test_orders_of_another_bot_and_of_nobody_are_shown_and_left_alone(desk, make_bot, caplog):
    caplog.set_level("INFO")
    other_bot = make_bot("theirs")
    theirs = other_bot.connector()
    await ready(desk, theirs)
    their_order = await placed(desk, theirs)
    by_hand = await sign_and_place(desk, "by-hand", price="3100")

    ours = make_bot("ours").connector()
    caplog.clear()
    await ready(desk, ours)
    assert {their_order.exchange_order_id, by_hand.order_id} <= set(await resting(desk))
    (told,) = [record.message for record in caplog.records if "left alone" in record.message]
    assert their_order.exchange_order_id in told
    assert "sell 1 WETH-USDC at 3100" in told
    # What they hold is not free for this bot, although it does not track them.
    await desk.until(lambda: ours.get_available_balance("WETH") == ours.get_balance("WETH") - 2)
    await ours.stop_network()
    await theirs.stop_network()


async def test_an_order_of_unknown_fate_is_cancelled_when_it_shows_up_after_the_restart(desk, make_bot):
    bot = make_bot("doubt")
    bot.connector()
    name = f"{order_id_prefix(bot.recorder)}SWHUC3"
    hold = desk.localnet.faults.add(_held(desk.wallet.address))
    placing = asyncio.ensure_future(sign_and_place(desk, name))
    journal = SqliteJournal(Path(hummingbot.data_path()) / "tegro_journal.sqlite")
    await desk.until(lambda: any(fault.held for fault in desk.localnet.faults.list()))
    placing.cancel()
    with suppress(asyncio.CancelledError):
        await placing

    connector = bot.connector()
    await ready(desk, connector)
    assert journal.find_by_client_order_id(name).cancel_wanted
    desk.localnet.faults.clear(hold)
    await desk.until(lambda: recorded_orders(bot.recorder, [name]) == {name})
    order_id = journal.find_by_client_order_id(name).order_id
    await desk.until(lambda: not connector.in_flight_orders)
    assert order_id is not None
    assert order_id not in await resting(desk)
    await connector.stop_network()
    journal.close()


def _held(wallet: str):
    from tegro_localnet.fault_spec import Fault, FaultKind

    return Fault(kind=FaultKind.HOLD, path="*/orders/place", wallet=wallet)


async def test_a_venue_that_is_away_at_the_start_is_waited_for(desk, make_bot, monkeypatch):
    monkeypatch.setattr(earlier_orders, "RETRY_SECS", 0.05)
    bot = make_bot("away")
    first = bot.connector()
    await ready(desk, first)
    order = await placed(desk, first)
    await die(first)
    second = bot.connector()
    status = desk.localnet.faults.add(_unavailable())
    await second.start_network()
    await desk.until(lambda: desk.localnet.faults.fired(status) > 1)
    assert not second.status_dict["earlier_orders_taken_up"]
    assert order.client_order_id in second.in_flight_orders
    desk.localnet.faults.clear(status)
    await desk.until(lambda: second.ready, secs=30)
    assert not second.in_flight_orders
    await second.stop_network()


def _unavailable():
    from tegro_localnet.fault_spec import Fault, FaultKind

    return Fault(kind=FaultKind.STATUS, path="*/orders/user/*", status=503, times=None)


async def test_an_order_that_was_restored_and_never_signed_fails_at_once(desk, make_bot):
    bot = make_bot("unsigned")
    connector = bot.connector()
    never = InFlightOrder(
        client_order_id=f"{order_id_prefix(bot.recorder)}SWHUC4",
        trading_pair="WETH-USDC",
        order_type=LIMIT,
        trade_type=TradeType.SELL,
        amount=Decimal(1),
        price=Decimal(3000),
        creation_timestamp=1.0,
    )
    connector.restore_tracking_states({never.client_order_id: never.to_json()})
    await ready(desk, connector)
    assert not connector.in_flight_orders
    await connector.stop_network()
