"""Several chains behind one API: each with a node, contracts, markets, books and wallets' tokens of its own."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import HTTPProvider, Web3

from tegro_localnet.config import DEFAULT_MARKETS, LocalnetConfig

ORDERS = "/api/v1/trading/market/orders"
OTHER = 84532


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Two chains with one market each."""
    return LocalnetConfig(
        port=0,
        rpc_port=0,
        agents=False,
        more_chains=(OTHER,),
        markets=DEFAULT_MARKETS[:1],
        settlement_interval_ms=50,
        seed=3,
    )


@pytest.fixture
def other(localnet: Any) -> Any:
    """The second chain."""
    return localnet.localnet.chains[OTHER]


async def test_the_chain_list_and_the_markets_name_each_chain(localnet: Any, api: Any, other: Any) -> None:
    _, chains = await api.get("/api/v1/exchange/chain/list")
    assert [(row["id"], row["name"]) for row in chains] == [(31337, "localnet"), (OTHER, "base sepolia")]
    assert [row["exchange_contract"] for row in chains] == [localnet.deployment.exchange, other.deployment.exchange]
    for chain_id in (31337, OTHER):
        _, [market] = await api.get(f"/api/v1/exchange/{chain_id}/market/list")
        assert (market["chainId"], market["id"].split("_")[0]) == (chain_id, str(chain_id))
        assert await api.get(f"/api/v1/exchange/{chain_id}/market/{market['id']}") == (200, market)
    status, reply = await api.get("/api/v1/exchange/8453/market/list")
    assert (status, list(reply)) == (400, ["error"])


async def test_localnets_own_paths_speak_of_each_chain(localnet: Any, api: Any, other: Any) -> None:
    _, first = await api.get("/localnet/info")
    _, second = await api.get("/localnet/info", chain_id=OTHER)
    assert (first["chain_id"], second["chain_id"]) == (31337, OTHER)
    assert [chain["rpc_url"] for chain in first["more_chains"]] == [second["rpc_url"]] == [other.rpc_url]
    assert first["rest_url"] == second["rest_url"]
    for info in (first, second):
        assert Web3(HTTPProvider(info["rpc_url"])).eth.chain_id == info["chain_id"]


class Trader:
    """A wallet on both chains that signs what the venue writes."""

    def __init__(self, api: Any) -> None:
        self.api, self.account = api, Account.create()

    async def fund(self, chain_id: int) -> None:
        body = {"wallet": self.account.address, "chain_id": chain_id, "amounts": {"WETH": "5", "USDC": "5000"}}
        status, reply = await self.api.post("/localnet/faucet", body)
        assert status == 200, reply

    def approve(self, chain: Any, symbols: tuple[str, ...] = ("WETH", "USDC")) -> None:
        web3 = Web3(HTTPProvider(chain.rpc_url))
        abi = [
            {
                "name": "approve",
                "type": "function",
                "stateMutability": "nonpayable",
                "inputs": [{"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}],
                "outputs": [{"name": "", "type": "bool"}],
            }
        ]
        spender = web3.to_checksum_address(chain.deployment.exchange)
        for symbol in symbols:
            token = web3.eth.contract(web3.to_checksum_address(chain.deployment.tokens[symbol]), abi=abi)
            wish = {
                "from": self.account.address,
                "nonce": web3.eth.get_transaction_count(self.account.address),
                "chainId": chain.config.chain_id,
            }
            signed = self.account.sign_transaction(token.functions.approve(spender, 10**30).build_transaction(wish))
            web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction), timeout=60)

    async def place(self, chain_id: int, side: str, price: str) -> tuple[int, Any]:
        wish = {"chain_id": chain_id, "wallet_address": self.account.address, "market_symbol": "WETH_USDC"}
        wish |= {"side": side, "price": price, "amount": "1"}
        status, proposal = await self.api.post(f"{ORDERS}/typedData/generate", wish)
        assert status == 200, proposal
        assert proposal["sign_data"]["domain"]["chainId"] == chain_id
        signature = self.sign(proposal["sign_data"])
        return await self.api.post(f"{ORDERS}/place", proposal["limit_order"] | {"signature": signature})

    async def cancel(self, order_id: str) -> tuple[int, Any]:
        wish = {"order_ids": [order_id], "user_address": self.account.address}
        _, proposal = await self.api.post(f"{ORDERS}/typedData/generateCancelOrder", wish)
        body = proposal["cancel_order"] | {"signature": self.sign(proposal["sign_data"])}
        return await self.api.post(f"{ORDERS}/cancel", body)

    def sign(self, data: dict[str, Any]) -> str:
        return self.account.sign_message(encode_typed_data(full_message=data)).signature.to_0x_hex()


async def test_an_order_lives_on_the_chain_that_it_names(
    localnet: Any, api: Any, other: Any, listen: Any, eventually: Any
) -> None:
    maker, taker = Trader(api), Trader(api)
    for who in (maker, taker):
        await who.fund(OTHER)
        who.approve(other)
    first = {row["symbol"]: row["balance"] for row in await _portfolio(api, 31337, maker)}
    second = {row["symbol"]: row["balance"] for row in await _portfolio(api, OTHER, maker)}
    assert (first, second) == ({"WETH": "0", "USDC": "0"}, {"WETH": "5", "USDC": "5000"})
    status, reply = await maker.place(31337, "buy", "100")
    assert (status, reply["error"].split(":")[0]) == (400, "insufficient funds")

    listener = await listen(other.markets["WETH_USDC"].channel)
    _, bid = await maker.place(OTHER, "buy", "100")
    _, rest = await maker.place(OTHER, "buy", "90")
    _, ask = await taker.place(OTHER, "sell", "100")
    event = await listener.until(lambda event: event["action"] == "trade_updated")
    assert event["data"]["state"] == "success"
    assert Web3(HTTPProvider(other.rpc_url)).eth.get_transaction(event["data"]["txHash"])["chainId"] == OTHER
    _, [trade] = await api.get(f"{ORDERS}/trades/{bid['order_id']}")
    assert trade["id"] == event["data"]["id"]
    wallet = maker.account.address
    assert len((await api.get(f"{ORDERS}/user/{wallet}", chain_id=OTHER))[1]) == 2
    assert (await api.get(f"{ORDERS}/user/{wallet}", chain_id=31337))[1] == []
    query = {"market_symbol": "WETH_USDC"}
    _, here = await api.get("/api/v1/orderbook/depth", chain_id=31337, **query)
    _, there = await api.get("/api/v1/orderbook/depth", market_id=other.markets["WETH_USDC"].id)
    assert (here["bids"], there["bids"]) == (None, [{"price": "90", "quantity": "1"}])
    assert await maker.cancel(rest["order_id"]) == (200, {"cancelled_order_ids": [rest["order_id"]]})
    assert ask["market_id"].startswith(f"{OTHER}_")


async def _portfolio(api: Any, chain_id: int, who: Trader) -> Any:
    _, rows = await api.get(f"/api/v1/accounts/{chain_id}/{who.account.address}/portfolio")
    return rows


async def test_one_seed_gives_the_chains_different_ids(localnet: Any, api: Any, other: Any) -> None:
    someone, ids = Trader(api), []
    for chain in (localnet.localnet, other):
        chain_id = chain.config.chain_id
        await someone.fund(chain_id)
        someone.approve(chain)
        status, order = await someone.place(chain_id, "buy", "100")
        assert status == 200, order
        ids.append(order["order_id"])
        _, reply = await someone.cancel(order["order_id"])
        assert reply == {"cancelled_order_ids": [order["order_id"]]}
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"more_chains": (1,)}, "more_chains must be of 31337, 8453, 84532, 80002, 11155420, was 1"),
        ({"more_chains": (31337,)}, "chains must differ, were 31337, 31337"),
        ({"more_chains": (OTHER,), "rpc_url": "http://127.0.0.1:1"}, "one chain alone can use a node of its own"),
    ],
)
def test_chains_that_cannot_be_are_named(change: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LocalnetConfig(**change)
