"""A localnet told otherwise: another chain, the resting price in reports, no fee."""

from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account

from tegro_localnet.config import DEFAULT_MARKETS, LocalnetConfig
from tegro_localnet.switches import Switches


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Stand in for Base, with one market."""
    return LocalnetConfig(
        port=0,
        rpc_port=0,
        agents=False,
        chain_id=8453,
        fee_bps=0,
        markets=DEFAULT_MARKETS[:1],
        min_order_value=Decimal("0.5"),
        switches=Switches(report_price="resting"),
        settlement_interval_ms=50,
    )


async def test_the_chain_is_the_one_that_was_asked_for(api: Any, chain: Any) -> None:
    assert chain.web3.eth.chain_id == 8453
    _, [shown] = await api.get("/api/v1/exchange/chain/list")
    assert (shown["id"], shown["name"], shown["fee"], shown["min_order_value"]) == (8453, "base", 0, "500000")
    _, markets = await api.get("/api/v1/exchange/8453/market/list")
    assert [market["symbol"] for market in markets] == ["WETH_USDC"]


async def test_the_resting_price_is_reported_beside_the_settled_one(
    trader: Any, chain: Any, listen: Any, localnet: Any
) -> None:
    buyer, seller = trader(), trader()
    listener = await listen(localnet.markets["WETH_USDC"].channel)
    await buyer.place("WETH_USDC", "buy", "110", "1")
    ask = await seller.place("WETH_USDC", "sell", "100", "1")
    event = await listener.until(lambda event: event["action"] == "trade_updated")
    assert (event["data"]["price"], event["data"]["settled_price"]) == (110, 100)
    [trade] = await seller.trades(ask["order_id"])
    assert (trade["price"], trade["settled_price"]) == ("110", "100")
    assert chain.balance_wei("USDC", buyer.wallet) == (100_000 - 100) * 10**6


def test_a_wallet_can_be_made_without_approvals_and_funded_again(localnet: Any, chain: Any) -> None:
    wallet = localnet.new_wallet({"USDC": Decimal("1.5")}, native=Decimal(0), approve=False)
    assert chain.balance_wei("USDC", wallet.address) == 1_500_000
    assert chain.web3.eth.get_balance(wallet.checksum_address) == 0
    localnet.fund(wallet.address, {"USDC": Decimal(1)}, Decimal(2))
    assert chain.balance_wei("USDC", wallet.address) == 2_500_000
    assert chain.web3.eth.get_balance(wallet.checksum_address) == 2 * 10**18
    assert Account.from_key(wallet.key).address == wallet.checksum_address
    assert wallet.key not in f"{wallet!r} {wallet}"


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        ({"XXX": Decimal(1)}, "unknown token 'XXX': there are WETH, USDC"),
        ({"USDC": Decimal(-1)}, "the amount of USDC must be between 0 and 1000000000000000"),
        ({"USDC": Decimal("0.0000001")}, "amount of USDC may have at most 6 decimals"),
    ],
)
def test_impossible_amounts_are_refused(localnet: Any, amounts: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        localnet.fund("0x" + "ab" * 20, amounts)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"port": 70_000}, "port must be between 0 and 65535, was 70000"),
        ({"rpc_port": -1}, "rpc_port must be between 0 and 65535, was -1"),
        ({"chain_id": 1}, "chain_id must be one of 31337, 8453, 84532, 80002, 11155420, was 1"),
        ({"fee_bps": 101}, "fee_bps must be between 0 and 100, was 101"),
        ({"min_order_value": Decimal(-1)}, "min_order_value must not be negative, was -1"),
        ({"settlement_interval_ms": 0}, "settlement_interval_ms must be above zero, was 0"),
        ({"markets": ()}, "markets must name at least one market"),
        ({"markets": DEFAULT_MARKETS[:1] * 2}, "markets must differ, were WETH_USDC, WETH_USDC"),
    ],
)
def test_settings_that_cannot_work_are_named(change: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LocalnetConfig(**change)
