"""A running connector against a real localnet, with a proxy in between that can misbehave."""

from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from connector_desk import Listener, PassingProxy, bots_of, host_data_in, running, serving, until
from hummingbot.connector.exchange.tegro.tegro_exchange import TegroExchange
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from tegro.client import AsyncTegro
from tegro.model import Order, OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Environment, Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.wallet import LocalWallet

PLACE_PATH = "/api/v1/trading/market/orders/place"


class Proxy(PassingProxy):
    """Passes everything on to localnet, unless it is told to misbehave."""

    def __init__(self, rest_url: str, stream_url: str) -> None:
        super().__init__(rest_url, stream_url)
        self.queries: list[str] = []
        self.drop_reply_to_place = False
        self.places_answered_first = 0
        """Placements that get their answer before replies are dropped."""
        self.on_drop: Callable[[], object] = lambda: None
        """Called before a placement is passed on whose reply will be dropped."""
        self.swallow_place = False
        self.break_reads = False
        self.hide_trades = False

    async def answer(self, request: web.Request) -> web.Response:
        self.queries.append(request.path_qs)
        is_place = request.path == PLACE_PATH
        if is_place and self.swallow_place:
            return web.Response(status=504)
        if request.method == "GET" and self.break_reads:
            return web.Response(status=502)
        drops_reply = is_place and self.drop_reply_to_place and not self.places_answered_first
        if drops_reply:
            self.on_drop()
        elif is_place and self.drop_reply_to_place:
            self.places_answered_first -= 1
        if self.hide_trades and "/orders/trades/" in request.path:
            return web.json_response([])
        reply = await self.forward(request)
        return web.Response(status=504) if drops_reply else reply


class Desk(Listener):
    """A started connector, a counterparty, and what the connector announced."""

    def __init__(
        self,
        localnet: BackgroundLocalnet,
        proxy: Proxy,
        wallet: LocalWallet,
        other_wallet: LocalWallet,
        other: AsyncTegro,
    ) -> None:
        super().__init__()
        self.localnet = localnet
        self.proxy = proxy
        self.wallet = wallet
        self.other_wallet = other_wallet
        self.other = other
        self.connector = self.new_connector()

    def new_connector(self, **changes: object) -> TegroExchange:
        """Make one more connector of the same wallet, not started."""
        keywords = {
            "tegro_api_key": self.wallet.checksum_address,
            "tegro_api_secret": self.wallet.key,
            "chain_name": "localnet",
            "trading_pairs": ["WETH-USDC", "WBTC-USDC"],
            "domain": "tegro_localnet",
        }
        connector = TegroExchange(**(keywords | changes))
        self.listen(connector)
        return connector

    async def until(self, condition: Callable[[], object], secs: float = 60) -> None:
        """Wait until something is so."""
        await until(condition, secs)

    async def other_places(self, side: Side, quantity: str, price: str, symbol: str = "WETH_USDC") -> Order:
        """Let the counterparty place an order."""
        request = OrderRequest(
            market=await self.other.market(symbol), side=side, price=Decimal(price), quantity=Decimal(quantity)
        )
        outcome = await self.other.place(request)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    async def opened(self, client_order_id: str) -> InFlightOrder:
        """Wait until an order is at the venue."""
        orders = self.connector.in_flight_orders
        await until(lambda: client_order_id in orders and not orders[client_order_id].is_pending_create)
        return orders[client_order_id]

    async def ended(self, order: InFlightOrder) -> None:
        """Wait until an order is no longer tracked."""
        await until(lambda: order.client_order_id not in self.connector.in_flight_orders)

    def best(self, pair: str, side: Side) -> Decimal | None:
        """Return the connector's best price of a side of its book."""
        book = self.connector.get_order_book(pair)
        row = next(iter(book.bid_entries() if side is Side.BUY else book.ask_entries()), None)
        return None if row is None else Decimal(str(row.price))

    async def market_data_is_back(self) -> None:
        """Wait until the stream tells of changes again. Two of them, because a snapshot may hold the first."""
        for price in ("2000", "2001"):
            await self.other_places(Side.BUY, "0.01", price)
            await self.until(lambda price=price: self.best("WETH-USDC", Side.BUY) == Decimal(price))

    async def clear(self) -> None:
        """Cancel everything and wait until both books look empty to the connector."""
        await self.connector.cancel_all(10)
        await self.other.cancel_all()
        await until(lambda: not self.connector.in_flight_orders)
        for pair in ("WETH-USDC", "WBTC-USDC"):
            await until(lambda pair=pair: self.best(pair, Side.BUY) is None and self.best(pair, Side.SELL) is None)


@pytest.fixture(scope="module")
def host_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give Hummingbot a folder for its data."""
    with host_data_in(tmp_path_factory.mktemp("host")) as folder:
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(localnet: BackgroundLocalnet) -> AsyncIterator[Proxy]:
    """Run a proxy in front of localnet."""
    made = Proxy(localnet.rest_url, localnet.stream_url)
    async with serving(made.handle) as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def settings_file(localnet: BackgroundLocalnet, proxy: Proxy, host_folder: Path) -> Iterator[Path]:
    """Point the plug-in's settings at the proxy."""
    path = host_folder / "tegro.toml"
    path.write_text(
        f'[localnet]\nrest_url = "{proxy.url}"\nrpc_url = "{localnet.rpc_url}"\n'
        f'[testnet]\nrest_url = "{proxy.url}"\n[mainnet]\nrest_url = "{proxy.url}"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEGRO_SETTINGS", str(path))
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(localnet: BackgroundLocalnet, proxy: Proxy, settings_file: Path) -> AsyncIterator[Desk]:
    """Yield a connector that is ready to trade on two pairs, and a counterparty."""
    amounts = {"WETH": Decimal(50), "WBTC": Decimal(5), "USDC": Decimal(500_000)}
    wallet, counterparty = localnet.new_wallet(amounts, approve=False), localnet.new_wallet(amounts)
    direct = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    async with AsyncTegro(direct, signer=LocalSigner(counterparty.key)) as other:
        made = Desk(localnet, proxy, wallet, counterparty, other)
        async with running(made.connector):
            await until(lambda: made.connector.ready)
            await until(lambda: made.connector._chain_seen and not made.connector._approvals.is_busy)
            await until(lambda: made.connector._approvals._refill is not None)
            yield made


@pytest.fixture
def direct_environment(localnet: BackgroundLocalnet) -> Environment:
    """Return localnet's own address, past the proxy."""
    return Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")


@pytest.fixture
def serving_at() -> Callable[..., object]:
    """Return what serves one handler for every path."""
    return serving


@pytest.fixture
def make_bot(desk: Desk, tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Return what makes bots that trade with the desk's wallet."""
    with bots_of(desk.new_connector, tmp_path) as make:
        yield make
