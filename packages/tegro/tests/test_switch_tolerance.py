"""The client trades on a venue that does otherwise where nothing public says what the real one does (protocol 12)."""

import asyncio
from decimal import Decimal

import aiohttp
import pytest

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, OrderStatus, Side, TradeState
from tegro.outcome import Accepted, Cancelled, CancelRejected
from tegro.signer import LocalSigner
from tegro.stream import Connected, OrderEvent
from tegro_localnet.switches import CHOICES, FIXED

DEADLINE_SECS = 60
ALONE = [{name: choice} for name, choices in CHOICES.items() if name not in FIXED for choice in choices[1:]]
TOGETHER = {name: choices[-1] for name, choices in CHOICES.items() if name not in FIXED | {"self_trade"}}
CASES = [(wanted, "local") for wanted in [*ALONE, TOGETHER]]
CASES += [({"envelope": "wrapped"}, "server"), ({"limit_order_side": "word"}, "server"), (TOGETHER, "server")]


def name_of(value):
    if isinstance(value, str):
        return value
    return "-".join(*value.items()) if len(value) == 1 else "together"


@pytest.fixture(scope="module")
def wallets(localnet):
    return localnet.new_wallet(), localnet.new_wallet()


@pytest.fixture
async def switched(localnet):
    """Change switches over the control path; all are at their defaults after the test."""

    async def change(wanted):
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{localnet.rest_url}/localnet/switches", json=wanted) as reply,
        ):
            assert reply.status == 200, await reply.text()

    yield change
    await change({name: choices[0] for name, choices in CHOICES.items()})


@pytest.mark.parametrize(("wanted", "typed_data"), CASES, ids=name_of)
async def test_an_order_is_placed_matched_followed_and_cancelled(
    localnet, wallets, switched, environment_at, wanted, typed_data
):
    await switched(wanted)
    environment = environment_at(localnet.rest_url, localnet.rpc_url, typed_data=typed_data)
    maker, taker = (AsyncTegro(environment, signer=LocalSigner(wallet.key)) for wallet in wallets)
    async with maker, taker, asyncio.timeout(DEADLINE_SECS):
        market = await maker.market("WETH_USDC")
        stream = maker.stream([market], [maker.wallet])
        assert await anext(stream) == Connected(1)
        ask, rest = [
            await maker.place(
                OrderRequest(market=market, side=Side.SELL, price=Decimal(price), quantity=Decimal("0.5"))
            )
            for price in ("2000", "2001")
        ]
        assert isinstance(ask, Accepted)
        book = await taker.book("WETH_USDC")
        assert [level.price for level in sorted(book.asks, key=lambda level: level.price)] == [2000, 2001]
        bid = await taker.place(
            OrderRequest(market=market, side=Side.BUY, price=Decimal(2000), quantity=Decimal("0.5"))
        )
        assert isinstance(bid, Accepted)
        async for event in stream:
            if isinstance(event, OrderEvent) and event.order.order_id == ask.order_id and event.order.is_done:
                break
        [trade] = await taker.trades_of(bid.order_id)
        assert (trade.state, trade.price, trade.quantity) == (TradeState.SUCCESS, Decimal(2000), Decimal("0.5"))
        assert 10**12 < trade.timestamp_ms < 10**13
        assert (await taker.order(bid.order_id)).status is OrderStatus.CLOSED
        assert await maker.cancel([rest.order_id]) == Cancelled(cancelled=(rest.order_id,), not_cancelled=())
        assert isinstance(await maker.cancel(["no-such-order"]), CancelRejected)
