"""What a strategy asks of the connector before its network runs: Hummingbot starts strategy and network together."""

import pytest
from hummingbot.core.data_type.common import PositionMode

from tegro.perpetual import PositionMode as ClientMode

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAIR, SYMBOL = "ETH-USDT", "ETHUSDT"


async def test_leverage_and_mode_are_set_and_no_connection_is_left_for_the_start_to_close(desk):
    connector = desk.new_connector()
    await connector._execute_set_leverage(PAIR, 9)
    await connector._execute_set_position_mode(PositionMode.HEDGE)
    assert connector.get_leverage(PAIR) == 9
    assert not connector._link.is_open
    venue = desk.connector._link.client.rest
    assert {position.leverage for position in await venue.positions(SYMBOL)} == {9}
    assert await venue.position_mode() is ClientMode.HEDGE
