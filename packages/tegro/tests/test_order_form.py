"""A venue that takes orders in another form than the client signs is noticed before the first signature."""

import asyncio
import logging
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tegro.client import AsyncTegro
from tegro.errors import NotConnected, RateLimited, SigningRefused
from tegro.model import OrderRequest, Side
from tegro.order_form import sample_order
from tegro.outcome import Accepted
from tegro.signer import LocalSigner
from tegro.verify import Result, verify
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultKind
from tegro_localnet.localnet import Localnet
from tegro_localnet.switches import Switches

GENERATE = "*/typedData/generate"


async def short_sleep(secs: float) -> None:
    """Repeat a read soon."""
    await asyncio.sleep(min(secs, 0.05))


@pytest.fixture
async def client_of(localnet, environment_at):
    """Make clients of new wallets, closed at the end; no fault outlives the test."""
    clients = []

    def make(**settings):
        client = AsyncTegro(
            environment_at(localnet.rest_url, localnet.rpc_url, **settings),
            signer=LocalSigner(localnet.new_wallet().key),
            sleep=short_sleep,
        )
        clients.append(client)
        return client

    yield make
    localnet.faults.clear(None)
    for client in clients:
        await client.aclose()


def resting_sell(market):
    return OrderRequest(market=market, side=Side.SELL, price=Decimal(9000), quantity=Decimal("0.1"))


@pytest.mark.parametrize(
    ("switches", "difference"),
    [
        (Switches(price_scaling="quote_decimal"), r"message\.price 1000000 .* 1000000000000000000 was meant"),
        (Switches(order_schema="no_expiry"), r"types\.Order\[7\] None .*expiryTime.* was meant"),
    ],
    ids=["price_scaling", "order_schema"],
)
async def test_nothing_is_signed_on_a_venue_of_an_older_form(environment_at, switches, difference):
    async with Localnet(LocalnetConfig(port=0, rpc_port=0, agents=False, switches=switches)) as old:
        environment = environment_at(old.rest_url, old.rpc_url)
        async with AsyncTegro(environment, signer=LocalSigner((await old.new_wallet()).key)) as client:
            market = await client.market("WETH_USDC")
            for attempt in (client.place(resting_sell(market)), client.prepare([market])):
                with pytest.raises(SigningRefused, match=rf"does not take orders on WETH_USDC .*{difference}"):
                    await attempt
            assert client.journal.entries() == []
            assert await client.orders() == []
        report = await verify(environment)
    (finding,) = [each for each in report.findings if each.number == "V25"]
    assert finding.result is Result.DIFFERS
    assert "does not take orders on WETH_USDC" in finding.note


async def test_the_venue_is_asked_once_for_each_market(client_of, localnet):
    client = client_of()
    weth, wbtc = await client.market("WETH_USDC"), await client.market("WBTC_USDC")
    asked = localnet.faults.add(Fault(kind=FaultKind.DELAY, path=GENERATE, times=None, delay_ms=1))
    outcomes = await client.place_many([resting_sell(weth)] * 3)
    assert [type(outcome) for outcome in outcomes] == [Accepted] * 3
    assert localnet.faults.fired(asked) == 1
    await client.prepare([weth, wbtc])
    assert localnet.faults.fired(asked) == 2
    await client.cancel_all()


async def test_what_the_venue_builds_itself_is_compared_without_a_further_question(client_of, localnet):
    client = client_of(typed_data="server")
    market = await client.market("WETH_USDC")
    await client.prepare([market])
    asked = localnet.faults.add(Fault(kind=FaultKind.DELAY, path=GENERATE, times=None, delay_ms=1))
    assert isinstance(await client.place(resting_sell(market)), Accepted)
    assert localnet.faults.fired(asked) == 1
    await client.cancel_all()


async def test_a_venue_that_proposes_no_orders_is_traded_on_and_the_log_says_so(client_of, localnet, caplog):
    client = client_of()
    market = await client.market("WETH_USDC")
    localnet.faults.add(Fault(kind=FaultKind.STATUS, path=GENERATE, times=None, status=404))
    with caplog.at_level(logging.WARNING, logger="tegro.order_form"):
        for _ in range(2):
            assert isinstance(await client.place(resting_sell(market)), Accepted)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "whether WETH_USDC takes orders in the form signed here could not be seen" in caplog.text
    await client.cancel_all()


@pytest.mark.parametrize(("status", "error"), [(503, NotConnected), (429, RateLimited)])
async def test_a_venue_that_does_not_answer_now_is_asked_again_and_nothing_is_signed_before(
    client_of, localnet, status, error
):
    client = client_of()
    market = await client.market("WETH_USDC")
    fault = localnet.faults.add(Fault(kind=FaultKind.STATUS, path=GENERATE, times=None, status=status))
    with pytest.raises(error):
        await client.place(resting_sell(market))
    assert client.journal.entries() == []
    localnet.faults.clear(fault)
    assert isinstance(await client.place(resting_sell(market)), Accepted)
    await client.cancel_all()


@pytest.mark.parametrize(
    ("min_order_value_wei", "quote_is_default", "quantity"),
    [(2_000_000, True, 2), (2_000_001, True, 3), (0, True, 1), (1, True, 1), (5_000_000, False, 1)],
)
async def test_the_sample_is_worth_the_minimum_or_a_little_more(
    client_of, min_order_value_wei, quote_is_default, quantity
):
    client = client_of()
    market, chain = await client.market("WETH_USDC"), await client.chain()
    changed = replace(
        chain,
        min_order_value_wei=min_order_value_wei,
        default_quote_address=market.quote.address if quote_is_default else market.base.address,
    )
    sample = sample_order(market, changed)
    assert (sample.side, sample.price, sample.quantity) == (Side.BUY, 1, quantity)
