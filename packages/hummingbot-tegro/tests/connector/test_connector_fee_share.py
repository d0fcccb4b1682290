"""The header that tells the venue of Hummingbot: sent to the REST host alone, once it is set."""

from decimal import Decimal

import httpx
import pytest
from hummingbot.core.data_type.common import OrderType

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_fee_share_header_comes_with_every_request_to_the_venue_and_nowhere_else(
    desk, localnet, settings_file, tmp_path, monkeypatch
):
    path = tmp_path / "tegro.toml"
    path.write_text(
        f'[localnet]\nrest_url = "{localnet.rest_url}"\nrpc_url = "{localnet.rpc_url}"\n'
        '[localnet.hummingbot]\nfee_share_header = "X-Partner"\nfee_share_value = "hummingbot"\n'
    )
    assert "x-partner" not in seen(localnet)
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    connector = desk.new_connector(trading_pairs=["WETH-USDC"])
    await connector.start_network()
    await desk.until(lambda: connector.ready)
    before = seen(localnet)["x-partner"]["hummingbot"]
    order_id = connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(2000))
    orders = connector.in_flight_orders
    await desk.until(lambda: order_id in orders and not orders[order_id].is_pending_create)
    assert seen(localnet)["x-partner"]["hummingbot"] > before
    assert "hummingbot" not in str(connector._link.environment)
    await connector.cancel_all(5)
    await connector.stop_network()


def seen(localnet) -> dict[str, dict[str, int]]:
    """Return what localnet says of the headers that clients sent."""
    return httpx.get(f"{localnet.rest_url}/localnet/headers").json()
