"""A whole local Tegro in one object: chain, contracts, venue, server, agents."""

import asyncio
import logging
import random
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tegro.model import Market
from tegro_localnet.agents.crowd import Crowd
from tegro_localnet.agents.replay import Replay
from tegro_localnet.agents.tape import check_tape
from tegro_localnet.announcer import Announcer
from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.contracts import TOKEN
from tegro_localnet.chain.deployment import Deployment, TokenSpec, deploy
from tegro_localnet.chain.errors import ChainError
from tegro_localnet.chain.process import NodeProcess
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.settlement import Settler
from tegro_localnet.chain.tokens import Faucet, TokenLedgerReader
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.config import CHAIN_NAMES, LocalnetConfig
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.errors import LocalnetError
from tegro_localnet.events import EventHub
from tegro_localnet.faults import FaultBoard
from tegro_localnet.funding import DEFAULT_NATIVE, Funding
from tegro_localnet.gateway.accounts import AccountRoutes
from tegro_localnet.gateway.chart import ChartRoutes
from tegro_localnet.gateway.control import ControlRoutes
from tegro_localnet.gateway.headers import HeaderLog
from tegro_localnet.gateway.market_data import MarketDataRoutes
from tegro_localnet.gateway.server import GatewayServer, bind
from tegro_localnet.gateway.stream import StreamGateway
from tegro_localnet.gateway.trading import TradingRoutes
from tegro_localnet.info import LocalnetInfo, TokenInfo
from tegro_localnet.intake import Intake
from tegro_localnet.listing import list_markets
from tegro_localnet.settlement import SettlementLoop
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

_LOG: Final = logging.getLogger(__name__)


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Localnet:
    """A local Tegro, as an async context manager. Usable once.

    Parameters
    ----------
    config : LocalnetConfig
        What it is to be.
    clock_ms : callable
        The time in Unix milliseconds.

    Attributes
    ----------
    info : LocalnetInfo
        URLs, contracts, tokens and markets; set on entering, like everything below.
    deployment : Deployment
        The contracts.
    markets : dict of str to Market
        By symbol.
    venue : Venue
        Orders and trades, for tests that look inside.
    hub : EventHub
        Who follows which channel; set from the start.
    faults : FaultBoard
        What goes wrong on demand; set from the start.
    mirror : ChainMirror
        The venue's picture of balances and allowances.
    settlement : SettlementLoop
        The link between the venue and the chain.
    replay : Replay or None
        The recorded trades that drive a market, with their progress; None where there are none.
    """

    info: LocalnetInfo
    deployment: Deployment
    markets: dict[str, Market]
    venue: Venue
    mirror: ChainMirror
    settlement: SettlementLoop
    replay: Replay | None

    def __init__(self, config: LocalnetConfig | None = None, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self.config: Final = config or LocalnetConfig()
        self._clock_ms = clock_ms
        self._seed = secrets.randbits(63) if self.config.seed is None else self.config.seed
        self._stack = AsyncExitStack()
        self.faults: Final = FaultBoard(self._rng("faults"))
        self.hub: Final = EventHub(self.faults)
        self._stream: Final = StreamGateway(self.hub)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def rest_url(self) -> str:
        """Root of the REST paths, without `/api`."""
        return self.info.rest_url

    @property
    def stream_url(self) -> str:
        """The WebSocket endpoint."""
        return self.info.stream_url

    @property
    def rpc_url(self) -> str:
        """The chain's JSON-RPC endpoint."""
        return self.info.rpc_url

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def fund(
        self, wallet: str, amounts: Mapping[str, Decimal] | None = None, native: Decimal = DEFAULT_NATIVE
    ) -> None:
        """Give a wallet test tokens (human units by symbol; None: some of each) and coins for gas.

        Each repetition gives as much again.

        Raises
        ------
        ValueError
            If a symbol is unknown or an amount is impossible.
        """
        await self._funding.fund(
            wallet.lower(), self._funding.default_amounts() if amounts is None else amounts, native
        )

    async def approve(self, wallet: LocalWallet, symbol: str, amount: Decimal) -> None:
        """Let the exchange move up to an amount of a wallet's token. Safe to repeat."""
        token = self._listing.tokens[symbol]
        data = TOKEN.encode("approve", self.deployment.exchange, token.to_wei(amount))
        await Sender(self._rpc, wallet.key_bytes).send(token.address, data)
        await self.mirror.catch_up()

    async def new_wallet(
        self, amounts: Mapping[str, Decimal] | None = None, *, native: Decimal = DEFAULT_NATIVE, approve: bool = True
    ) -> LocalWallet:
        """Make a wallet, fund it as `fund` does, and approve what it got unless told otherwise."""
        wallet = LocalWallet(secrets.token_bytes(32))
        given = self._funding.default_amounts() if amounts is None else amounts
        await self.fund(wallet.address, given, native)
        if approve:
            for symbol, amount in given.items():
                await self.approve(wallet, symbol, amount)
        return wallet

    def cut_streams(self) -> int:
        """Cut every WebSocket without a closing handshake; returns how many there were."""
        return self._stream.cut_all()

    async def wait(self) -> None:
        """Wait until the localnet fails by itself.

        Raises
        ------
        LocalnetError
            With one sentence on what failed.
        """
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        error = next((task.exception() for task in done), None)
        raise LocalnetError(f"localnet cannot go on: {_first_cause(error)}") from error

    async def _start(self) -> None:
        config = self.config
        trades_in_tape = await asyncio.to_thread(check_tape, config.replay.path) if config.replay else 0
        listener = bind(config.host, config.port)
        self._stack.callback(listener.close)
        node = NodeProcess(config.chain_id, host=config.host, port=config.rpc_port)
        try:
            await self._stack.enter_async_context(node)
        except ChainError as error:
            raise LocalnetError(f"{error} (choose another port with --rpc-port if it is taken)") from error
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._rpc = ChainRpc(node.url, session)
        operator = Sender(self._rpc, OPERATOR_KEY)
        tokens = [TokenSpec(token.symbol, token.name, token.decimals, token.kind) for token in config.tokens]
        self.deployment = await deploy(self._rpc, tokens, config.fee_bps, operator)
        self._listing = list_markets(config, self.deployment)
        self.markets = {listed.market.symbol: listed.market for listed in self._listing.markets.values()}
        self.info = self._describe(listener.getsockname()[1], node.url)
        self._build_venue(operator)
        self.replay = self._build_replay(trades_in_tape)
        await self._stack.enter_async_context(self._server(listener))
        self._run_background(node)

    def _rng(self, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}/{purpose}")  # noqa: S311 - ids and test traders, nothing secret

    def _build_venue(self, operator: Sender) -> None:
        config, listing = self.config, self._listing
        ledger = Ledger()
        self.mirror = ChainMirror(self._rpc, TokenLedgerReader(self._rpc, self.deployment), ledger)
        defaults = {token.symbol: token.faucet_amount for token in config.tokens}
        self._funding = Funding(Faucet(operator, self.deployment), self.mirror, listing.tokens, defaults)
        self.venue = Venue(
            markets=listing.markets,
            intake=Intake(self.deployment.domain, listing.markets, self._clock_ms),
            ledger=ledger,
            mirror=self.mirror,
            announcer=Announcer(self.hub, config.report_price, self._clock_ms),
            fee_bps=config.fee_bps,
            clock_ms=self._clock_ms,
            rng=self._rng("ids"),
        )
        settler = Settler(self._rpc, operator, self.deployment)
        self.settlement = SettlementLoop(self.venue, settler, self.mirror, config.settlement_interval_ms)

    def _build_replay(self, trades_in_tape: int) -> Replay | None:
        config = self.config.replay
        if config is None:
            return None
        market_id = next(iter(self.markets.values())).id if config.market is None else self.markets[config.market].id
        return Replay(
            config,
            trades_in_tape=trades_in_tape,
            listed=self._listing.markets[market_id],
            venue=self.venue,
            domain=self.deployment.domain,
            rng=self._rng("replay"),
        )

    def _server(self, listener: socket.socket) -> GatewayServer:
        report_price = self.config.report_price
        data = MarketDataRoutes(self._listing, self.venue.trades, report_price, self._clock_ms)
        trading = TradingRoutes(
            venue=self.venue,
            listing=self._listing,
            domain=self.deployment.domain,
            report_price=report_price,
            clock_ms=self._clock_ms,
            rng=self._rng("salts"),
            faults=self.faults,
        )
        accounts = AccountRoutes(self.venue, self._listing, self.mirror)
        headers = HeaderLog()
        control = ControlRoutes(self._funding, self.info, self.faults, self._stream, headers)
        chart = ChartRoutes(self._listing, has_volume=self.config.full_chart)
        routes = [*chart.routes(), *data.routes(), *trading.routes(), *accounts.routes(), *control.routes()]
        return GatewayServer(listener, routes, self._stream, self.faults, headers)

    def _run_background(self, node: NodeProcess) -> None:
        self._spawn("settlement", self.settlement.run())
        self._spawn("chain node", node.wait_for_death())
        if self.replay is not None:
            self._spawn("replay", self.replay.run(self._equip))
        elif self.config.agents:
            crowd = Crowd(self.config, self._listing, self.venue, self.deployment.domain, self._rng("agents"))
            self._spawn("agents", crowd.run(self._equip))

    async def _equip(self, wallet: LocalWallet, amounts: Mapping[str, Decimal]) -> None:
        await self.fund(wallet.address, amounts)
        for symbol in amounts:
            await self.approve(wallet, symbol, Decimal(10) ** 15)

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_log_failure)
        self._tasks.append(task)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    def _describe(self, port: int, rpc_url: str) -> LocalnetInfo:
        deployment = self.deployment
        root = f"{self.config.host}:{port}"
        return LocalnetInfo(
            rest_url=f"http://{root}",
            stream_url=f"ws://{root}/api/v1/events/ws",
            rpc_url=rpc_url,
            faucet_url=f"http://{root}/localnet/faucet",
            chain_id=deployment.chain_id,
            chain_name=CHAIN_NAMES[deployment.chain_id],
            exchange_contract=deployment.exchange,
            settlement_contract=deployment.settlement,
            fee_bps=deployment.fee_bps,
            seed=self._seed,
            tokens=tuple(
                TokenInfo(token.symbol, token.address, token.decimals) for token in self._listing.tokens.values()
            ),
            markets=tuple(self.markets),
        )


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("%s of localnet failed: %s", task.get_name(), _first_cause(task.exception()))


def _first_cause(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
