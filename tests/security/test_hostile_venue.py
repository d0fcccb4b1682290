"""A venue that lies, or somebody between who does: whatever it alters, nothing is signed and nothing is sent.

A real proxy stands before a localnet and alters its answers. What counts is counted at both ends: signatures at the
wallet, writes at the venue.
"""

import json
from decimal import Decimal

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tegro.client import AsyncTegro
from tegro.errors import InvalidInput, SigningRefused
from tegro.evm import EvmNode
from tegro.model import OrderRequest, Side, Token
from tegro.outcome import Accepted, Cancelled
from tegro.pins import FilePins, MemoryPins
from tegro.settings import Environment, FixedPins, Settings
from tegro.signer import LocalSigner
from tegro.trust import Trust, verify_decimals

ORDERS = "/api/v1/trading/market/orders"
GENERATE = f"{ORDERS}/typedData/generate"
GENERATE_CANCEL = f"{ORDERS}/typedData/generateCancelOrder"
WRITES = (f"{ORDERS}/place", f"{ORDERS}/cancel", f"{ORDERS}/cancel-all")
CHAINS = "/api/v1/exchange/chain/list"
MARKETS = "/api/v1/exchange/31337/market/list"
ATTACKER = "0x" + "e1" * 20
SYMBOL = "WETH_USDC"


class Proxy:
    """Passes everything on to a venue, and alters the answers that it is told to."""

    def __init__(self, upstream, session):
        self.upstream = upstream
        self.session = session
        self.url = ""
        self.alter = {}
        """What to do to the JSON of an answer, by path."""
        self.writes = 0

    async def handle(self, request):
        self.writes += request.path in WRITES
        url = f"{self.upstream}{request.path_qs}"
        headers = {"Content-Type": "application/json"}
        body = await request.read()
        async with self.session.request(request.method, url, data=body or None, headers=headers) as answer:
            content = await answer.read()
        change = self.alter.get(request.path)
        if change is not None and answer.status == 200:
            document = json.loads(content)
            change(document)
            content = json.dumps(document).encode()
        return web.Response(body=content, status=answer.status, content_type="application/json")


class CountingSigner(LocalSigner):
    """A wallet that counts what it was asked to sign."""

    def __init__(self, key):
        super().__init__(key)
        self.count = 0

    async def sign_typed(self, message):
        self.count += 1
        return await super().sign_typed(message)

    async def sign_text(self, text):
        self.count += 1
        return await super().sign_text(text)

    async def sign_transaction(self, transaction):
        self.count += 1
        return await super().sign_transaction(transaction)


@pytest.fixture
async def proxy(localnet):
    async with aiohttp.ClientSession() as session:
        made = Proxy(localnet.rest_url, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        yield made
        await runner.cleanup()


@pytest.fixture(scope="module")
def key(localnet):
    return localnet.new_wallet().key


@pytest.fixture
def signer(key):
    return CountingSigner(key)


@pytest.fixture
def environment(proxy, localnet):
    def make(**changes):
        variables = {"TEGRO_LOCALNET_REST_URL": proxy.url, "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url}
        plain = Settings.load(None, variables).environment("localnet")
        return Environment(**{name: getattr(plain, name) for name in plain.__struct_fields__} | changes)

    return make


@pytest.fixture
async def connect(environment, signer):
    """Start a client, as a program does; each call is another life of it."""
    clients = []

    async def start(pins=None, fixed=None, **changes):
        if fixed is not None:
            changes["pins"] = fixed
        clients.append(AsyncTegro(environment(**changes), signer=signer, pins=pins))
        return clients[-1]

    yield start
    for client in clients:
        await client.aclose()


def buy(market, **changes):
    values = {"market": market, "side": Side.BUY, "price": Decimal("1000.5"), "quantity": Decimal("0.01")}
    return OrderRequest(**values | changes)


def put(path, value):
    """Return a change that sets one member, given by its path."""

    def change(document):
        *folders, name = path.split(".")
        for folder in folders:
            document = document[int(folder) if folder.isdigit() else folder]
        document[name] = value

    return change


def of_token(listed, **changes):
    """Return a change of every market that has a token: `address`, `decimal` or `symbol` of it."""

    def change(markets):
        for market in markets:
            for side in ("base", "quote"):
                if market[f"{side}_symbol"] == listed:
                    names = {"address": "contract_address"}
                    market.update({f"{side}_{names.get(name, name)}": value for name, value in changes.items()})

    return change


# What the venue proposes to sign


async def test_an_honest_proposal_is_signed_and_sent(connect, proxy, signer):
    client = await connect(typed_data="server")
    placed = await client.place(buy(await client.market(SYMBOL)))
    assert isinstance(placed, Accepted)
    assert await client.cancel([placed.order_id]) == Cancelled(cancelled=(placed.order_id,), not_cancelled=())
    assert (signer.count, proxy.writes) == (2, 2)


def everywhere(name, value):
    """Return a change of one member of an order, made wherever a careless client might look for it."""

    def change(document):
        document["sign_data"]["message"][name] = value
        raw = json.loads(document["limit_order"]["raw_order_data"]) | {name: value}
        document["limit_order"]["raw_order_data"] = json.dumps(raw)
        outer = {"price": "price_precision", "totalQuantity": "volume_precision"}.get(name)
        if outer is not None:
            document["limit_order"][outer] = value

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (everywhere("price", "9" * 24), r"message\.price"),
        (everywhere("totalQuantity", "1" + "0" * 21), r"message\.totalQuantity"),
        (everywhere("isBuy", False), r"message\.isBuy"),
        (everywhere("maker", ATTACKER), r"message\.maker"),
        (everywhere("baseToken", ATTACKER), r"message\.baseToken"),
        (everywhere("quoteToken", ATTACKER), r"message\.quoteToken"),
        (everywhere("expiryTime", "4102444800"), r"message\.expiryTime"),
        (put("sign_data.domain.verifyingContract", ATTACKER), r"domain\.verifyingContract"),
        (put("sign_data.domain.chainId", 8453), r"domain\.chainId"),
        (put("sign_data.domain.name", "Permit2"), r"domain\.name"),
        (put("sign_data.domain.version", "2"), r"domain\.version"),
        (put("sign_data.primaryType", "Permit"), "primaryType"),
        (put("sign_data.types.Order.2.type", "int256"), r"types\.Order"),
        (put("sign_data.types.Order", []), r"types\.Order"),
        (put("limit_order.raw_order_data", "{}"), "raw_order_data"),
        (put("limit_order.price_precision", "1"), r"limit_order\.price_precision"),
        (put("limit_order.base_asset", ATTACKER), r"limit_order\.base_asset"),
        (put("limit_order.order_hash", "0x" + "00" * 32), r"limit_order\.order_hash"),
    ],
)
async def test_a_proposal_that_is_not_what_was_meant_is_refused(connect, proxy, signer, change, named):
    client = await connect(typed_data="server")
    market = await client.market(SYMBOL)
    proxy.alter[GENERATE] = change
    with pytest.raises(SigningRefused, match=named):
        await client.place(buy(market))
    assert (signer.count, proxy.writes) == (0, 0)
    assert list(client.journal.entries()) == []


@pytest.mark.parametrize(
    "change",
    [
        put("sign_data.message.orderIds", ["05881667-3bd3-4fc0-8b0e-db71c8a8fc99"]),
        put("sign_data.message.user", ATTACKER),
        put("sign_data.domain.verifyingContract", ATTACKER),
        put("sign_data.primaryType", "Order"),
    ],
    ids=["ids", "user", "contract", "an order"],
)
async def test_a_proposed_cancel_that_is_not_what_was_meant_is_refused(connect, proxy, signer, change):
    client = await connect(typed_data="server")
    placed = await client.place(buy(await client.market(SYMBOL)))
    proxy.alter[GENERATE_CANCEL] = change
    with pytest.raises(SigningRefused, match="nothing was signed"):
        await client.cancel([placed.order_id])
    assert (signer.count, proxy.writes) == (1, 1)
    proxy.alter.clear()
    assert isinstance(await client.cancel([placed.order_id]), Cancelled)


# What the venue says of its contracts


async def test_a_contract_changed_in_one_life_stops_signing_until_it_is_confirmed(connect, proxy, signer):
    client = await connect()
    market = await client.market(SYMBOL)
    placed = await client.place(buy(market))
    done = (signer.count, proxy.writes)
    true_contract = (await client.chain()).exchange_contract
    proxy.alter[CHAINS] = put("0.exchange_contract", ATTACKER)
    with pytest.raises(SigningRefused, match=f"{ATTACKER} as the exchange contract .* {true_contract}"):
        await client.chains()
    proxy.alter.clear()  # back to honest: somebody should look all the same
    for call in (lambda: client.place(buy(market)), client.chain):
        with pytest.raises(SigningRefused, match="tegro pins confirm"):
            await call()
    assert (signer.count, proxy.writes) == done
    # A cancel allows nothing: it is signed for the contract that was pinned, whatever the venue says now.
    assert isinstance(await client.cancel([placed.order_id]), Cancelled)
    async with AsyncTegro(client.environment) as reader:
        client.pins.confirm(client.environment, await reader.chain())
    assert isinstance(await client.place(buy(market)), Accepted)


async def test_what_was_confirmed_elsewhere_holds_at_once(connect, proxy, signer, tmp_path):
    """The user confirms with the command, while a bot that met the old contract still runs."""
    path = tmp_path / "pins.json"
    true_chain = await (await connect()).chain()
    proxy.alter[CHAINS] = put("0.exchange_contract", ATTACKER)
    bot = await connect(FilePins(path))
    assert (await bot.chain()).exchange_contract == ATTACKER
    proxy.alter.clear()
    with pytest.raises(SigningRefused):
        await bot.chains()
    FilePins(path).confirm(bot.environment, true_chain)
    placed = await bot.place(buy(await bot.market(SYMBOL)))
    assert isinstance(await bot.cancel([placed.order_id]), Cancelled)
    assert (signer.count, proxy.writes) == (2, 2)


async def test_a_contract_changed_over_a_restart_stops_signing(connect, proxy, signer, tmp_path):
    path = tmp_path / "pins.json"
    first = await connect(FilePins(path))
    market = await first.market(SYMBOL)
    placed = await first.place(buy(market))
    await first.cancel([placed.order_id])
    done = (signer.count, proxy.writes)
    proxy.alter[CHAINS] = put("0.exchange_contract", ATTACKER)
    for _ in range(2):
        second = await connect(FilePins(path))
        with pytest.raises(SigningRefused, match=ATTACKER):
            await second.place(buy(market))
        proxy.alter.clear()  # the third life meets an honest venue, and the question is still open
    assert (signer.count, proxy.writes) == done


async def test_a_contract_that_the_settings_do_not_name_is_refused_from_the_start(connect, proxy, signer, localnet):
    proxy.alter[CHAINS] = put("0.exchange_contract", ATTACKER)
    fixed = FixedPins(exchange_contract=localnet.info.exchange_contract.lower())
    client = await connect(fixed=fixed)
    with pytest.raises(SigningRefused, match="but the settings say"):
        await client.place(buy(await client.market(SYMBOL)))
    assert (signer.count, proxy.writes) == (0, 0)


async def test_decimals_that_the_chain_does_not_have_are_refused_at_first_use(connect, proxy, signer):
    proxy.alter[MARKETS] = of_token("USDC", decimal=18)
    client = await connect()
    with pytest.raises(SigningRefused, match="has 18 decimals, but on the chain it has 6"):
        await client.place(buy(await client.market(SYMBOL)))
    assert (signer.count, proxy.writes) == (0, 0)


@pytest.mark.parametrize("has_node", [True, False])
@pytest.mark.parametrize(
    "change",
    [of_token("USDC", decimal=8), of_token("USDC", address=ATTACKER), of_token("WETH", address=ATTACKER)],
    ids=["decimals", "quote address", "base address"],
)
async def test_a_token_changed_over_a_restart_stops_signing(
    connect, proxy, signer, tmp_path, change, has_node, localnet
):
    node = {"rpc_url": localnet.rpc_url if has_node else None}
    first = await connect(FilePins(tmp_path / "pins.json"), **node)
    placed = await first.place(buy(await first.market(SYMBOL)))
    await first.cancel([placed.order_id])
    done = (signer.count, proxy.writes)
    proxy.alter[MARKETS] = change
    second = await connect(FilePins(tmp_path / "pins.json"), **node)
    with pytest.raises(SigningRefused, match="tegro pins confirm"):
        await second.place(buy(await second.market(SYMBOL)))
    assert (signer.count, proxy.writes) == done


async def test_a_token_changed_in_one_life_stops_signing(connect, proxy, signer):
    client = await connect()
    market = await client.market(SYMBOL)
    placed = await client.place(buy(market))
    done = (signer.count, proxy.writes)
    proxy.alter[MARKETS] = of_token("WETH", address=ATTACKER)
    (fake,) = [each for each in await client.markets(refresh=True) if each.symbol == SYMBOL]
    for each in (fake, market):
        with pytest.raises(SigningRefused, match=f"{ATTACKER} as the token 'WETH'"):
            await client.place(buy(each))
    assert (signer.count, proxy.writes) == done
    assert placed.order_id


async def test_a_market_under_a_wrong_name_is_refused(connect, proxy, signer):
    proxy.alter[MARKETS] = of_token("WETH", address=ATTACKER, symbol="NEW")
    client = await connect()
    with pytest.raises(SigningRefused, match="calls a market 'WETH_USDC', but its tokens 'NEW' and 'USDC'"):
        await client.place(buy(await client.market(SYMBOL)))
    assert (signer.count, proxy.writes) == (0, 0)


async def test_another_chain_is_not_signed_for(connect, proxy, signer):
    client = await connect()
    market = await client.market(SYMBOL)
    with pytest.raises(SigningRefused, match="is on chain 31337, but the venue offers chain 1"):
        await client.place(buy(msgspec.structs.replace(market, chain_id=1)))
    proxy.alter[CHAINS] = put("0.id", 1)
    with pytest.raises(InvalidInput, match="does not list chain 31337"):
        await (await connect()).place(buy(market))
    assert (signer.count, proxy.writes) == (0, 0)


async def test_nothing_is_approved_to_a_changed_contract(connect, proxy, signer, localnet):
    client = await connect()
    market = await client.market(SYMBOL)
    await client.chain()
    proxy.alter[CHAINS] = put("0.exchange_contract", ATTACKER)
    with pytest.raises(SigningRefused):
        await client.chains()
    with pytest.raises(SigningRefused, match="nothing is signed or approved"):
        await client.allowances.plan({market.quote: 10**6})
    assert signer.count == 0


async def test_no_more_is_approved_because_of_wrong_decimals(connect, proxy, signer, localnet):
    before_wei = await _allowance_wei(localnet, signer)
    proxy.alter[MARKETS] = of_token("USDC", decimal=18)
    client = await connect()
    token = (await client.market(SYMBOL)).quote
    with pytest.raises(SigningRefused, match="has 18 decimals, but on the chain it has 6"):
        await client.allowances.apply(await client.allowances.plan({token: before_wei + token.to_wei(Decimal(1000))}))
    assert signer.count == 0
    assert await _allowance_wei(localnet, signer) == before_wei


async def _allowance_wei(localnet, signer):
    node = EvmNode(localnet.rpc_url, localnet.chain_id)
    token = localnet.markets[SYMBOL].quote.address
    allowance_wei = await node.allowance(token, signer.address, localnet.info.exchange_contract)
    await node.aclose()
    return allowance_wei


# Decimals on the chain


@pytest.fixture
async def node(localnet):
    made = EvmNode(localnet.rpc_url, localnet.chain_id)
    yield made
    await made.aclose()


async def test_decimals_are_those_of_the_contract(node, localnet):
    tokens = [
        Token(address=each.address.lower(), symbol=each.symbol, decimals=each.decimals) for each in localnet.info.tokens
    ]
    await verify_decimals(tokens, node)
    for token in tokens:
        wrong = msgspec.structs.replace(token, decimals=token.decimals + 1)
        with pytest.raises(SigningRefused, match=f"on the chain it has {token.decimals}; nothing was signed"):
            await verify_decimals([wrong], node)


async def test_a_contract_without_decimals_is_no_token(node, localnet):
    exchange = Token(address=localnet.info.exchange_contract.lower(), symbol="X", decimals=18)
    with pytest.raises(SigningRefused, match="does not say its decimals on the chain; state them in the settings"):
        await verify_decimals([exchange], node)


async def test_each_token_is_read_from_the_chain_once(environment, localnet):
    class CountingNode(EvmNode):
        count = 0

        async def decimals(self, token):
            self.count += 1
            return await super().decimals(token)

    node = CountingNode(localnet.rpc_url, localnet.chain_id)
    told, market = [], localnet.markets[SYMBOL]
    pins = MemoryPins()
    for _ in range(2):
        trust = Trust(environment(), pins, node, told.append)
        await trust.require_market(market)
        await trust.require_tokens([market.base, market.quote])
    assert (node.count, len(told)) == (2, 2)
    await node.aclose()


async def test_what_passed_before_may_not_hold_any_more(environment, connect):
    true_chain = await (await connect()).chain()
    false_chain = msgspec.structs.replace(true_chain, exchange_contract=ATTACKER)
    pins = MemoryPins()
    trust = Trust(environment(), pins, None, lambda _: None)
    assert not trust.still_holds(true_chain), "nothing was pinned yet"
    trust.require_chain(true_chain)
    assert trust.still_holds(true_chain)
    with pytest.raises(SigningRefused):
        trust.require_chain(false_chain)
    assert not trust.still_holds(true_chain)
    pins.confirm(environment(), false_chain)
    assert trust.still_holds(false_chain)
    assert not trust.still_holds(true_chain)
    await trust.require_tokens([])  # without a node there is nothing more to ask
