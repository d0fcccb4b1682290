"""Orders that end by their own expiryTime, by the venue's clock and by the chain's."""

from collections.abc import Iterator
from typing import Any

import pytest

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig


class Clock:
    """The venue's time, moved by hand."""

    def __init__(self) -> None:
        self.now_ms = 4_102_444_800_000

    def __call__(self) -> int:
        return self.now_ms

    @property
    def now_secs(self) -> int:
        return self.now_ms // 1000

    def forward(self, secs: int) -> None:
        self.now_ms += secs * 1000


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def localnet(clock: Clock) -> Iterator[BackgroundLocalnet]:
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000)
    with BackgroundLocalnet(config, clock_ms=clock) as running:
        yield running


async def test_a_resting_order_ends_when_its_time_has_come(trader: Any, clock: Clock, listen: Any) -> None:
    someone = trader()
    listener = await listen(someone.wallet)
    order = await someone.place("WETH_USDC", "sell", "3000", "1", expiry=clock.now_secs + 60)
    later = await someone.place("WETH_USDC", "sell", "3000", "1", expiry=clock.now_secs + 600)
    clock.forward(59)
    assert (await someone.order(order["order_id"]))["status"] == "open"
    clock.forward(1)
    event = await listener.until(lambda event: event["data"]["status"] == "cancelled")
    assert event["data"]["order_id"] == order["order_id"]
    assert event["data"]["cancel"] == {"reason": "expired", "code": 611}
    assert (await someone.order(later["order_id"]))["status"] == "open"
    await someone.cancel(later["order_id"])


async def test_an_expired_order_does_not_match_even_before_it_was_swept(trader: Any, clock: Clock) -> None:
    seller, buyer = trader(), trader()
    ask = await seller.place("WETH_USDC", "sell", "3000", "1", expiry=clock.now_secs + 60)
    clock.forward(60)
    bid = await buyer.place("WETH_USDC", "buy", "3000", "1")
    assert (await buyer.order(bid["order_id"]))["quantity_pending"] == "0"
    assert (await seller.order(ask["order_id"]))["status"] == "cancelled"
    await buyer.cancel(bid["order_id"])


async def test_a_pair_that_the_chain_finds_expired_ends_the_expired_side_alone(
    localnet: Any, trader: Any, clock: Clock, chain: Any
) -> None:
    seller, buyer = trader(), trader()
    chain_now_secs = chain.web3.eth.get_block("latest")["timestamp"]
    # The venue's clock is slow: it still takes what the chain no longer settles.
    clock.now_ms = (chain_now_secs - 1000) * 1000
    ask = await seller.place("WETH_USDC", "sell", "3000", "1", expiry=chain_now_secs - 10)
    bid = await buyer.place("WETH_USDC", "buy", "3000", "1", expiry=chain_now_secs + 3600)
    localnet.call(localnet.localnet.settlement.settle_batch())
    ended = await seller.order(ask["order_id"])
    assert (ended["status"], ended["cancel"]) == ("cancelled", {"reason": "expired", "code": 611})
    assert [(await buyer.order(bid["order_id"]))[name] for name in ("status", "quantity_pending")] == ["open", "0"]
    await buyer.cancel(bid["order_id"])
