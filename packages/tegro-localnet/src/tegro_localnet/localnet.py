"""A whole local Tegro in one object: chain, contracts, venue, server, agents."""

import asyncio
import logging
import random
import secrets
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from tegro.model import Market
from tegro_localnet.agents.crowd import Crowd
from tegro_localnet.agents.fast_replay import TRADERS, replay_on
from tegro_localnet.agents.replay import Replay
from tegro_localnet.agents.stage import SpotStage
from tegro_localnet.agents.tape import TapeSummary, check_tape
from tegro_localnet.announcer import Announcer
from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.contracts import TOKEN
from tegro_localnet.chain.deployment import Deployment, ExchangeForm, TokenSpec, deploy
from tegro_localnet.chain.errors import ChainError
from tegro_localnet.chain.exchange_events import ExchangeEventReader
from tegro_localnet.chain.external import adopt
from tegro_localnet.chain.process import NodeProcess
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.settlement import Settler
from tegro_localnet.chain.tokens import Faucet, TokenLedgerReader
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.clock import VenueClock, now_ms
from tegro_localnet.conditions import Conditions
from tegro_localnet.config import CHAIN_NAMES, LocalnetConfig, ReplayConfig
from tegro_localnet.dialect import Dialect
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.errors import LocalnetError
from tegro_localnet.events import EventHub
from tegro_localnet.exchange_watch import ExchangeWatch
from tegro_localnet.faults import FaultBoard
from tegro_localnet.fee_switch import FeeSwitch
from tegro_localnet.funding import DEFAULT_NATIVE, Funding
from tegro_localnet.gateway.accounts import AccountRoutes
from tegro_localnet.gateway.chain_router import ChainDoors, ChainRouter
from tegro_localnet.gateway.chart import ChartRoutes
from tegro_localnet.gateway.conditions import ConditionRoutes
from tegro_localnet.gateway.control import ControlRoutes
from tegro_localnet.gateway.headers import HeaderLog
from tegro_localnet.gateway.market_data import MarketDataRoutes
from tegro_localnet.gateway.openapi import openapi_routes
from tegro_localnet.gateway.pace import Pace
from tegro_localnet.gateway.page import page_routes
from tegro_localnet.gateway.server import GatewayServer, bind
from tegro_localnet.gateway.state import StateRoutes
from tegro_localnet.gateway.stream import StreamGateway
from tegro_localnet.gateway.switch_control import SwitchRoutes
from tegro_localnet.gateway.trading import TradingRoutes
from tegro_localnet.info import LocalnetInfo, OtherChain, TokenInfo
from tegro_localnet.intake import Intake
from tegro_localnet.journal.folder import Manifest, PerpetualOrigin
from tegro_localnet.journal.perpetual import KeptPerpetual
from tegro_localnet.journal.spot import KeptSpot
from tegro_localnet.keeping import Keeping
from tegro_localnet.listing import list_markets
from tegro_localnet.perpetual.side import PerpetualSide
from tegro_localnet.reorganisation import Reorganisation
from tegro_localnet.settlement import SettlementLoop
from tegro_localnet.settlement_faults import SettlementFaults
from tegro_localnet.switches import SwitchBoard, Switches
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

_LOG: Final = logging.getLogger(__name__)


class Localnet:
    """A local Tegro, as an async context manager. Usable once.

    Parameters
    ----------
    config : LocalnetConfig
        What it is to be.
    clock_ms : callable
        The time in Unix milliseconds.
    behind : Localnet, optional
        The one whose doors, time, faults and switches this one shares: it is a further chain of that one.

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
    clock : VenueClock
        The venue's time; set from the start.
    conditions : Conditions
        Time, latency, rate limits and tick sizes, which can be changed; set from the start.
    faults : FaultBoard
        What goes wrong on demand; set from the start.
    switches : SwitchBoard
        What this venue does otherwise than by default; set from the start.
    perpetual : PerpetualSide or None
        The perpetual venue; None where there is none.
    mirror : ChainMirror
        The venue's picture of balances and allowances.
    settlement : SettlementLoop
        The link between the venue and the chain.
    replay : Replay or None
        The recorded trades that drive a market, with their progress; None where there are none.
    gateway : GatewayServer
        What answers HTTP.
    chains : dict of int to Localnet
        All chains by id, this one first. The others have no doors of their own.
    """

    info: LocalnetInfo
    deployment: Deployment
    markets: dict[str, Market]
    venue: Venue
    mirror: ChainMirror
    settlement: SettlementLoop
    replay: Replay | None
    gateway: GatewayServer

    def __init__(
        self,
        config: LocalnetConfig | None = None,
        *,
        clock_ms: Callable[[], int] = now_ms,
        behind: "Localnet | None" = None,
    ) -> None:
        self.config: Final = config or LocalnetConfig()
        self._behind: Final = behind
        self.chains: Final[dict[int, Localnet]] = {self.config.chain_id: self}
        self.clock: Final[VenueClock] = VenueClock(clock_ms) if behind is None else behind.clock
        self._clock_ms = self.clock.now_ms
        self._keeping: Final = Keeping(self.config)
        manifest = self._keeping.manifest
        self._seed = self._choose_seed(manifest)
        self._earlier_starts = 0 if manifest is None else manifest.starts
        self._stack = AsyncExitStack()
        self.faults: Final[FaultBoard] = FaultBoard(self._rng("faults")) if behind is None else behind.faults
        self.conditions: Final = Conditions(
            self.clock, self.faults, self._rng("latency"), self.config.latency, self.config.rate_limits
        )
        self.hub: Final[EventHub] = EventHub(self.faults, self.conditions.latency) if behind is None else behind.hub
        self.switches: Final[SwitchBoard] = SwitchBoard(self.config.switches) if behind is None else behind.switches
        self._dialect: Final = Dialect(self.switches)
        self._port: int = 0 if behind is None else behind._port  # noqa: SLF001 - of this class
        self._stream: Final = StreamGateway(self.hub, self.switches)
        self.perpetual: PerpetualSide | None = None
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
        perpetual = 0 if self.perpetual is None else self.perpetual.cut_streams()
        return self._stream.cut_all() + perpetual

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
        tape, perpetual_tape = await _checked_tape(config.replay), await _checked_tape(config.perpetual_replay)
        listener = None if self._behind else self._bind()
        self._keeping.take_folder(self._stack)
        node = None if config.rpc_url else await self._start_node()
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._rpc = ChainRpc(node.url if node else str(config.rpc_url), session)
        operator = Sender(self._rpc, OPERATOR_KEY)
        if node is None:
            await _adopt_node(self._rpc, config.chain_id, operator.address)
        self.deployment = await self._deployed(operator)
        self._listing = list_markets(config, self.deployment)
        self.markets = {listed.market.symbol: listed.market for listed in self._listing.markets.values()}
        await self._start_more_chains()
        self.info = self._describe(self._port, self._rpc.url)
        self._build_venue(operator)
        await self._recover()
        await self._reorganisation.begin()
        self.replay = None if tape is None else self._build_replay(tape)
        self._open_perpetual(perpetual_tape)
        if listener is not None:
            self.gateway = await self._stack.enter_async_context(self._server(listener))
            if self.perpetual is not None:
                self._stack.push_async_callback(self.perpetual.close)
        self._run_background(node)

    def _bind(self) -> socket.socket:
        listener = bind(self.config.host, self.config.port)
        self._stack.callback(listener.close)
        self._port = listener.getsockname()[1]
        return listener

    async def _start_more_chains(self) -> None:
        for chain_id in self.config.more_chains:
            seed = (self._seed + chain_id) % 2**63
            alone = {"more_chains": (), "rpc_port": 0, "replay": None, "perpetual_replay": None}
            config = replace(self.config, chain_id=chain_id, seed=seed, **alone)
            other = Localnet(config, behind=self)
            self.chains[chain_id] = await self._stack.enter_async_context(other)

    async def _start_node(self) -> NodeProcess:
        node = NodeProcess(
            self.config.chain_id,
            host=self.config.host,
            port=self.config.rpc_port,
            data=self._keeping.chain_path,
            durability=self.config.durability,
        )
        try:
            return await self._stack.enter_async_context(node)
        except ChainError as error:
            raise LocalnetError(f"{error} (choose another port with --rpc-port if it is taken)") from error

    def _choose_seed(self, manifest: Manifest | None) -> int:
        if self.config.seed is not None:
            return self.config.seed
        return secrets.randbits(63) if manifest is None else manifest.seed

    async def _deployed(self, operator: Sender) -> Deployment:
        """Return the contracts: those of the data folder, or new ones."""
        config = self.config
        form = _exchange_form(config.switches)
        manifest = self._keeping.manifest
        if manifest is not None:
            deployment = manifest.deployment
            if deployment.form != form or deployment.fee_bps != self._fee_bps:
                raise LocalnetError(f"{config.data} was made with other contract switches; start with those")
            if not await self._rpc.code(deployment.exchange):
                raise LocalnetError(f"the chain at {self._rpc.url} has not the contracts that {config.data} is about")
            return deployment
        tokens = [TokenSpec(token.symbol, token.name, token.decimals, token.kind) for token in config.tokens]
        deployment = await deploy(self._rpc, tokens, self._fee_bps, operator, form)
        if self._keeping.folder is not None:
            self._keeping.folder.save(
                Manifest(
                    seed=self._seed,
                    chain_id=config.chain_id,
                    fee_bps=config.fee_bps,
                    min_order_value=config.min_order_value,
                    markets=config.markets,
                    deployment=deployment,
                )
            )
        return deployment

    async def _recover(self) -> None:
        """Take up what the data folder holds, and what happened on the chain since that was written."""
        if self._keeping.folder is None:
            return
        self._keeping.keep(KeptSpot(self.venue), self._stack)
        if self._keeping.must_wait:
            self._stream.hold_until(self._keeping.durable)
        self.mirror.follow_for(self.venue)
        await self.settlement.recover()
        await self.mirror.catch_up()
        await self._fee.take_up(self.switches.now)

    def _rng(self, purpose: str) -> random.Random:
        """Return a source of chance: the same for a seed, but a folder taken up again does not repeat itself."""
        again = f"/{self._earlier_starts}" if self._earlier_starts and purpose != "ids" else ""
        return random.Random(f"{self._seed}/{purpose}{again}")  # noqa: S311 - ids and test traders, nothing secret

    def _build_venue(self, operator: Sender) -> None:
        config, listing = self.config, self._listing
        ledger = Ledger()
        self.mirror = ChainMirror(self._rpc, TokenLedgerReader(self._rpc, self.deployment), ledger)
        defaults = {token.symbol: token.faucet_amount for token in config.tokens}
        self._funding = Funding(Faucet(operator, self.deployment), self.mirror, listing.tokens, defaults)
        self.venue = Venue(
            markets=listing.markets,
            intake=Intake(self.deployment.domain, listing.markets, self._clock_ms, self.switches),
            ledger=ledger,
            mirror=self.mirror,
            announcer=Announcer(self.hub, self._dialect, self._clock_ms),
            fee_bps=self._fee_bps,
            clock_ms=self._clock_ms,
            rng=self._rng("ids"),
            switches=self.switches,
        )
        self._reorganisation = Reorganisation(self._rpc, operator, self.venue, self.mirror, self.faults)
        if self._behind is None:
            self.conditions.govern(self.venue, self._reorganisation)
        watch = ExchangeWatch(ExchangeEventReader(self._rpc, self.deployment, operator.address), self.venue)
        self.mirror.on_blocks(watch.follow)
        self._fee = FeeSwitch(
            operator=operator,
            deployment=self.deployment,
            mirror=self.mirror,
            lifecycle=self.venue,
            chain=listing.chain,
            fee_bps=config.fee_bps,
        )
        self.switches.on_change(self._fee.follow)
        settler = Settler(self._rpc, operator, self.deployment)
        self.settlement = SettlementLoop(
            self.venue, settler, self.mirror, config.settlement_interval_ms, SettlementFaults(self.faults)
        )

    def _open_perpetual(self, tape: TapeSummary | None) -> None:
        """Begin the perpetual venue, or take up what the data folder holds of it."""
        if self.config.perpetual is None or self._behind is not None:
            return
        replay = self.config.perpetual_replay
        if tape is not None and replay is not None and replay.speed is None:
            self.clock.hold(tape.first_us // 1000)
        now = PerpetualOrigin(start_ms=self._clock_ms(), config=self.config.perpetual)
        origin = self._keeping.perpetual_origin(now)
        side = self.perpetual = PerpetualSide(
            origin.config,
            self._clock_ms,
            self._rng,
            start_ms=origin.start_ms,
            faults=self.faults,
            latency=self.conditions.latency,
        )
        self._keeping.keep(KeptPerpetual(side.venue), self._stack)
        if self._keeping.must_wait:
            side.hold_until(self._keeping.durable)
        if tape is not None and replay is not None:
            side.play(replay, tape, self.clock)
        elif self.config.agents:
            side.let_agents_in()

    def _build_replay(self, tape: TapeSummary) -> Replay | None:
        config = self.config.replay
        if config is None:
            return None
        market_id = next(iter(self.markets.values())).id if config.market is None else self.markets[config.market].id
        stage = SpotStage(
            self._listing.markets[market_id],
            venue=self.venue,
            domain=self.deployment.domain,
            rng=self._rng("replay"),
            equip=self._equip,
            takers=TRADERS if config.speed is None else 1,
        )
        return replay_on(stage, config, tape, self.clock)

    def _doors(self, headers: HeaderLog) -> list[web.RouteDef]:
        """Return the endpoints that each chain has."""
        data = MarketDataRoutes(self._listing, self.venue.trades, self._dialect, self._clock_ms)
        trading = TradingRoutes(
            venue=self.venue,
            listing=self._listing,
            domain=self.deployment.domain,
            dialect=self._dialect,
            switches=self.switches,
            settle_now=self._settle_now,
            clock_ms=self._clock_ms,
            rng=self._rng("salts"),
            faults=self.faults,
        )
        accounts = AccountRoutes(self.venue, self._listing, self.mirror)
        control = ControlRoutes(self._funding, self.info, self.faults, self._stream, headers)
        chart = ChartRoutes(self._listing, is_full=self.config.full_chart)
        state = StateRoutes(self.venue, self._listing, self.mirror, self._clock_ms)
        return [route for door in (chart, data, trading, accounts, control, state) for route in door.routes()]

    def _server(self, listener: socket.socket) -> GatewayServer:
        headers = HeaderLog()
        doors = {
            chain_id: ChainDoors(chain._doors(headers), chain._listing, chain.venue)  # noqa: SLF001 - of this class
            for chain_id, chain in self.chains.items()
        }
        perpetual = [] if self.perpetual is None else self.perpetual.routes()
        own = [*ConditionRoutes(self.conditions, self.replay).routes(), *SwitchRoutes(self.switches).routes()]
        routes = [*ChainRouter(doors).routes(), *own, *perpetual, *page_routes(), *openapi_routes()]
        pace = Pace(self.conditions.limiter, self.conditions.latency)
        return GatewayServer(
            listener,
            routes,
            self._stream,
            self.faults,
            headers=headers,
            switches=self.switches,
            pace=pace,
            durable=self._keeping.durable if self._keeping.must_wait else None,
        )

    def _run_background(self, node: NodeProcess | None) -> None:
        self._spawn("settlement", self.settlement.run())
        if node is not None:
            self._spawn("chain node", node.wait_for_death())
        if self.perpetual is not None:
            self._spawn("perpetual venue", self.perpetual.run())
        if self.replay is not None:
            self._spawn("replay", self.replay.run())
        elif self.config.agents:
            crowd = Crowd(self.config, self._listing, self.venue, self.deployment.domain, self._rng("agents"))
            self._spawn("agents", crowd.run(self._equip))

    @property
    def _fee_bps(self) -> int:
        return self.config.fee_bps if self.switches.now.fee == "charged" else 0

    async def _settle_now(self) -> None:
        """Settle all that is matched, and wait for what is on its way to the chain."""
        while await self.settlement.settle_batch():
            pass
        await self.mirror.catch_up()

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
            more_chains=tuple(
                OtherChain(
                    chain_id=chain_id,
                    chain_name=CHAIN_NAMES[chain_id],
                    rpc_url=chain.rpc_url,
                    exchange_contract=chain.deployment.exchange,
                )
                for chain_id, chain in self.chains.items()
                if chain is not self
            ),
        )


async def _checked_tape(replay: ReplayConfig | None) -> TapeSummary | None:
    return None if replay is None else await asyncio.to_thread(check_tape, replay.path)


async def _adopt_node(rpc: ChainRpc, chain_id: int, operator: str) -> None:
    try:
        await adopt(rpc, chain_id, operator)
    except ChainError as error:
        raise LocalnetError(str(error)) from error


def _exchange_form(switches: Switches) -> ExchangeForm:
    return ExchangeForm(
        has_expiry=switches.order_schema == "expiry",
        prices_in_quote_units=switches.price_scaling == "quote_decimal",
    )


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _LOG.error("%s of localnet failed: %s", task.get_name(), _first_cause(task.exception()))


def _first_cause(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
