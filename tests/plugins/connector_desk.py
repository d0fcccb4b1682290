"""What the tests of running connectors share: a clock that drives them, a proxy, and bots with a database."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import aiohttp
import hummingbot
import pytest
from aiohttp import WSMsgType, web
from hummingbot.client.config.client_config_map import ClientConfigMap, MarketDataCollectionConfigMap
from hummingbot.client.config.config_helpers import ClientConfigAdapter
from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.event.event_forwarder import SourceInfoEventForwarder
from hummingbot.core.event.events import AccountEvent, MarketEvent
from hummingbot.model.sql_connection_manager import SQLConnectionManager, SQLConnectionType
from hummingbot.model.trade_fill import TradeFill
from web3 import Web3

from tegro.model import Trade, TradeState
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.wallet import LocalWallet

_TRANSFER = [
    {
        "name": "transfer",
        "type": "function",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    }
]
_PASSED_HEADERS = ("Content-Type", "X-MBX-APIKEY")


async def until(condition: Callable[[], object], secs: float = 60) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + secs
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen in time")
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(*connectors: ExchangePyBase) -> AsyncIterator[None]:
    """Let Hummingbot's own clock drive connectors, as in a bot but with shorter ticks."""
    clock = Clock(ClockMode.REALTIME, tick_size=0.1)
    for connector in connectors:
        clock.add_iterator(connector)

    async def run() -> None:
        with clock:
            await clock.run()

    task = asyncio.ensure_future(run())
    try:
        yield
    finally:
        task.cancel()
        for connector in connectors:
            await connector.stop_network()


@contextmanager
def host_data_in(folder: Path) -> Iterator[Path]:
    """Give Hummingbot a folder for its data."""
    before = hummingbot._data_path
    hummingbot.set_data_path(str(folder / "data"))
    try:
        yield folder
    finally:
        hummingbot._data_path = before


@asynccontextmanager
async def serving(handler: Callable[[web.Request], object]) -> AsyncIterator[str]:
    """Serve one handler for every path; yields the URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class PassingProxy:
    """Passes everything on to a venue. A test's own proxy misbehaves in `answer`."""

    def __init__(self, rest_url: str, stream_url: str | None = None) -> None:
        self._rest_url = rest_url
        self._stream_url = stream_url
        self._sockets: list[tuple[str, web.WebSocketResponse]] = []
        self.url = ""
        self.requests: list[str] = []
        self.refuse_sockets = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass a request or a socket on."""
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._pass_socket(request)
        self.requests.append(f"{request.method} {request.path}")
        return await self.answer(request)

    async def answer(self, request: web.Request) -> web.Response:
        """Return what the client gets."""
        return await self.forward(request)

    async def forward(self, request: web.Request) -> web.Response:
        """Return what the venue answers."""
        headers = {name: value for name, value in request.headers.items() if name in _PASSED_HEADERS}
        # The raw query and body: a signature may be over these bytes.
        url = aiohttp.client.URL(self._rest_url + request.raw_path, encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=await request.read(), headers=headers) as reply,
        ):
            return web.Response(status=reply.status, body=await reply.read(), content_type=reply.content_type)

    async def cut(self, path: str = "/") -> None:
        """Break the open sockets below a path at once."""
        for opened, socket in list(self._sockets):
            if opened.startswith(path):
                await socket.close()

    async def _pass_socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuse_sockets:
            return web.Response(status=503)
        # Pings pass through as well, so that a pong is the venue's own.
        ours = web.WebSocketResponse(autoping=False)
        await ours.prepare(request)
        entry = (request.path, ours)
        self._sockets.append(entry)
        url = self._stream_url or self._rest_url + request.path_qs
        async with aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as theirs:
            back = asyncio.ensure_future(_copy(theirs, ours))
            await _copy(ours, theirs)
            back.cancel()
        self._sockets.remove(entry)
        return ours


async def _copy(source, target) -> None:
    send = {WSMsgType.TEXT: target.send_str, WSMsgType.PING: target.ping, WSMsgType.PONG: target.pong}
    async for message in source:
        with suppress(ConnectionError):
            await send[message.type](message.data)


def move_away(localnet: BackgroundLocalnet, owner: LocalWallet, symbol: str, amount: Decimal) -> None:
    """Send a wallet's tokens of six decimals to somebody else. Not on the event loop, which web3 would block."""
    node = Web3(Web3.HTTPProvider(localnet.rpc_url))
    token = node.eth.contract(Web3.to_checksum_address(localnet.deployment.tokens[symbol]), abi=_TRANSFER)
    call = token.functions.transfer("0x000000000000000000000000000000000000dEaD", int(amount.scaleb(6)))
    transaction = call.build_transaction(
        {"from": owner.checksum_address, "nonce": node.eth.get_transaction_count(owner.checksum_address)}
    )
    signed = node.eth.account.sign_transaction(transaction, owner.key)
    receipt = node.eth.wait_for_transaction_receipt(node.eth.send_raw_transaction(signed.raw_transaction))
    assert receipt["status"] == 1


def public_trade(symbol: str, price: Decimal, quantity: Decimal, *, is_buyer_maker: bool, trade_id: str = "") -> Trade:
    """Return a trade of others, just matched."""
    return Trade(
        trade_id=trade_id,
        symbol=symbol,
        price=price,
        quantity=quantity,
        state=TradeState.PENDING,
        is_buyer_maker=is_buyer_maker,
        maker="",
        taker="",
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        tx_hash=None,
        timestamp_ms=0,
    )


class Listener:
    """Keeps what connectors tell of their orders."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._forwarder = SourceInfoEventForwarder(lambda tag, source, event: self.events.append(event))

    def listen(self, connector: ExchangePyBase) -> None:
        """Keep what a connector tells from now on."""
        for tag in (*MarketEvent, *AccountEvent):
            connector.add_listener(tag, self._forwarder)

    def of(self, kind: type, client_order_id: str) -> list:
        """Return the events of one kind about one order."""
        return [event for event in self.events if type(event) is kind and event.order_id == client_order_id]


class RecordedBot:
    """One bot of this Hummingbot: a database of its own, and connectors that live one after the other."""

    def __init__(self, new_connector: Callable[[], ExchangePyBase], folder: Path, name: str) -> None:
        self._new_connector = new_connector
        self._config = f"{name}.yml"
        path = str(folder / f"{name}.sqlite")
        settings = ClientConfigAdapter(ClientConfigMap())
        self.sql = SQLConnectionManager(settings, SQLConnectionType.TRADE_FILLS, db_path=path)
        self.recorder: MarketsRecorder | None = None

    def connector(self, *, restores: bool = True) -> ExchangePyBase:
        """Make the bot's next connector as Hummingbot does at a start: recorder, then what the database has."""
        made = self._new_connector()
        made._set_current_timestamp(1_800_000_000.0)
        self.stop()
        self.recorder = MarketsRecorder(self.sql, [made], self._config, "script", MarketDataCollectionConfigMap())
        self.recorder.start()
        if restores:
            self.recorder.restore_market_states(self._config, made)
        return made

    def rows(self, client_order_id: str) -> list[TradeFill]:
        """Return what the database has of an order's fills."""
        with self.sql.get_new_session() as session:
            return session.query(TradeFill).filter(TradeFill.order_id == client_order_id).all()

    def fills(self, client_order_id: str) -> list[Decimal]:
        """Return the amounts of an order's fills in the database."""
        return [Decimal(str(row.amount)) for row in self.rows(client_order_id)]

    def stop(self) -> None:
        """End the recording."""
        if self.recorder is not None:
            self.recorder.stop()


@contextmanager
def bots_of(new_connector: Callable[[], ExchangePyBase], folder: Path) -> Iterator[Callable[[str], RecordedBot]]:
    """Yield what makes bots; at the end nobody records any more."""
    made: list[RecordedBot] = []

    def make(name: str) -> RecordedBot:
        made.append(RecordedBot(new_connector, folder, name))
        return made[-1]

    try:
        yield make
    finally:
        for bot in made:
            bot.stop()
        MarketsRecorder._shared_instance = None
