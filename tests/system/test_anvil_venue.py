"""The whole venue on Anvil, by one flag: contracts, faucet, orders, settlement, cancels, all on a node not of ours."""

import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from shutil import which

import pytest
from web3 import HTTPProvider, Web3

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, OrderStatus, Side, TradeState
from tegro.outcome import Accepted, Cancelled
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro.stream import OrderEvent
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.errors import LocalnetError
from tegro_localnet.localnet import Localnet

pytestmark = pytest.mark.system

HERE = Path(__file__).parent


@pytest.fixture(params=["automine", "a block a second"])
def anvil(request) -> Iterator[str]:
    """An Anvil on a free port, which knows nothing of localnet."""
    binary = which("anvil") or next(map(str, HERE.glob("node_modules/@foundry-rs/anvil-*/bin/anvil")), None)
    assert binary, "Anvil is missing: run scripts/system-tools"
    command = [binary, "--port", "0", "--hardfork", "prague", "--order", "fifo", "--prune-history"]
    command += ["--block-time", "1"] if request.param != "automine" else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = (re.search(r"Listening on (\S+)", line) for line in process.stdout)
        listening = next(filter(None, found), None)
        assert listening, "Anvil ended before it listened"
        yield f"http://{listening[1]}"
        process.terminate()


async def test_an_order_is_settled_on_anvil(anvil: str) -> None:
    async with Localnet(LocalnetConfig(port=0, rpc_url=anvil, agents=False)) as localnet:
        assert localnet.rpc_url == anvil
        maker, taker = await localnet.new_wallet(), await localnet.new_wallet()
        variables = {"TEGRO_LOCALNET_REST_URL": localnet.rest_url, "TEGRO_LOCALNET_RPC_URL": anvil}
        environment = Settings.load(None, variables).environment("localnet")
        async with (
            AsyncTegro(environment, signer=LocalSigner(maker.key)) as seller,
            AsyncTegro(environment, signer=LocalSigner(taker.key)) as buyer,
        ):
            market = await seller.market("WETH_USDC")
            stream = seller.stream([], [seller.wallet])
            await anext(stream)
            terms = {"market": market, "price": Decimal(3000), "quantity": Decimal(1)}
            ask = await seller.place(OrderRequest(side=Side.SELL, **terms))
            bid = await buyer.place(OrderRequest(side=Side.BUY, **terms))
            assert isinstance(ask, Accepted)
            assert isinstance(bid, Accepted)
            async for event in stream:
                if isinstance(event, OrderEvent) and event.order.is_done:
                    break
            [trade] = await buyer.trades_of(bid.order_id)
            assert trade.state is TradeState.SUCCESS
            receipt = Web3(HTTPProvider(anvil)).eth.get_transaction_receipt(trade.tx_hash)
            assert receipt["to"] == Web3.to_checksum_address(localnet.deployment.settlement)
            assert (await buyer.order(bid.order_id)).status is OrderStatus.CLOSED
            received = await buyer.balance(market.base)
            assert received == Decimal(101) - Decimal("0.0007")

            rest = await seller.place(OrderRequest(side=Side.SELL, **terms))
            assert isinstance(rest, Accepted)
            await seller.cancel_on_chain(rest.order_hash)
            await seller.balances()
            ended = await seller.order(rest.order_id)
            assert (ended.status, ended.cancel_code) == (OrderStatus.CANCELLED, 611)
            again = await buyer.place(OrderRequest(side=Side.BUY, **terms | {"price": Decimal(2000)}))
            assert isinstance(again, Accepted)
            assert await buyer.cancel([again.order_id]) == Cancelled(cancelled=(again.order_id,), not_cancelled=())


async def test_a_node_of_another_chain_is_refused_with_one_sentence(anvil: str) -> None:
    localnet = Localnet(LocalnetConfig(port=0, rpc_url=anvil, chain_id=84532, agents=False))
    with pytest.raises(LocalnetError, match=r"is chain 31337, not 84532: use --chain-id 31337"):
        await localnet.__aenter__()


async def test_a_second_venue_on_the_same_node_has_contracts_of_its_own(anvil: str) -> None:
    config = LocalnetConfig(port=0, rpc_url=anvil, agents=False)
    async with Localnet(config) as first:
        exchange = first.deployment.exchange
    async with Localnet(config) as second:
        assert second.deployment.exchange != exchange
        wallet = await second.new_wallet({"USDC": Decimal(5)})
        assert wallet.address
