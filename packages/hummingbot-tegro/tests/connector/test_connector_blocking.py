"""Nothing blocks the event loop: not the start, not quoting, fills, cancels and settlements, not the stop.

Blockbuster makes calls that wait (files, sockets, locks, sleep, SQLite) fail where an event loop runs. The connector
may catch such a failure and go on, so each one is written down when it is made.
"""

import asyncio
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import hummingbot
import pytest
from blockbuster import BlockBuster, blockbuster
from hummingbot.connector.exchange.tegro.settlement_watch import SettlementWatch
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.event.events import BuyOrderCompletedEvent

from hummingbot_tegro.host_settings import remember_chain
from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECS = 90
ALLOWED = (
    # What is signed must be on disk before it leaves: about 100 us each on the loop, quicker than a thread's turn.
    (
        "tegro/journal/sqlite.py",
        {"__init__", "close", "record_signed", "record_outcome", "record_ended", "want_cancel", "find"}
        | {"find_by_client_order_id", "entries", "_write_now"},
    ),
    # The client looks once, before the first order, for what has long been over.
    ("tegro/tracking.py", {"begin"}),
    # Hummingbot's own way of logging.
    ("logging/__init__.py", {"handle"}),
)


@contextmanager
def watching() -> Iterator[list[str]]:
    """Yield what blocks the loop from here on, each with the end of its stack."""
    found: list[str] = []

    class Noted(blockbuster.BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            found.append(f"{function}\n{''.join(traceback.format_stack(limit=14)[:-2])}")

    watch = BlockBuster(scanned_modules=["tegro", "hummingbot_tegro", "hummingbot"])
    for function in watch.functions.values():
        for file, functions in ALLOWED:
            function.can_block_in(file, functions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockbuster, "BlockingError", Noted)
        watch.activate()
        try:
            yield found
        finally:
            watch.deactivate()


async def live(desk, connector) -> None:
    """Start, quote, sell, cancel, buy at the market, look at everything, stop."""
    await connector.start_network()
    await desk.until(lambda: connector.ready, secs=SECS)
    orders = connector.in_flight_orders
    sold = connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000))
    quoted = connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT_MAKER, Decimal(2000))
    await desk.until(lambda: {sold, quoted} <= orders.keys(), secs=SECS)
    await desk.until(lambda: not any(order.is_pending_create for order in orders.values()), secs=SECS)
    await desk.other_places(Side.BUY, "1", "3000")
    await desk.until(lambda: sold not in orders, secs=SECS)
    connector.cancel("WETH-USDC", quoted)
    await desk.until(lambda: quoted not in orders, secs=SECS)
    await desk.other_places(Side.SELL, "0.5", "3000")
    await desk.until(lambda: list(connector.get_order_book("WETH-USDC").ask_entries()), secs=SECS)
    bought = connector.buy("WETH-USDC", Decimal("0.5"), OrderType.MARKET)
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, bought), secs=SECS)
    await connector._update_order_status()
    await connector._update_balances()
    await connector.cancel_all(SECS)
    await connector.stop_network()


async def test_defect_12_a_whole_life_of_a_connector_never_blocks_the_event_loop(desk):
    # Hummingbot makes a connector before it starts it; then the settings file is read once.
    connector = desk.new_connector()
    with watching() as blocked:
        await live(desk, connector)
    assert blocked == []


def look_at_the_record(_connector) -> None:
    SettlementWatch(Path(hummingbot.data_path()) / "record.jsonl").is_told("1")


def look_at_the_settings(_connector) -> None:
    remember_chain("tegro_localnet", "localnet")


def tidy_the_journal(connector) -> None:
    connector._link.client.journal.compact(0)


@pytest.mark.parametrize("work", [look_at_the_record, look_at_the_settings, tidy_the_journal])
async def test_what_the_connector_does_in_threads_would_be_noticed_on_the_loop(desk, work):
    with watching() as blocked:
        await asyncio.to_thread(work, desk.connector)
        assert blocked == []
        with pytest.raises(blockbuster.BlockingError):
            work(desk.connector)
    assert len(blocked) == 1
