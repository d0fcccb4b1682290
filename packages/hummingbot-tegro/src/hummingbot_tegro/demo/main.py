"""One run of the demo, from nothing to the comparison of its books and back to nothing."""

import asyncio
import secrets
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct
from rich.console import Console

from hummingbot_tegro.demo.bot import DemoBot
from hummingbot_tegro.demo.display import shown
from hummingbot_tegro.demo.following import Follower
from hummingbot_tegro.demo.interruption import Interrupted, Interruption
from hummingbot_tegro.demo.market import caps_of, environment_of, fund, funds_of, market_of, running_localnet
from hummingbot_tegro.demo.options import DemoOptions
from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.processes import Child, Children
from hummingbot_tegro.demo.readers import ChainReader, host_fills, venue_fills
from hummingbot_tegro.demo.reconciliation import Books, differences
from hummingbot_tegro.demo.report import report
from hummingbot_tegro.demo.view import Scene
from hummingbot_tegro.launcher import Host, find_host
from tegro.client import AsyncTegro
from tegro.model import Order
from tegro.signer import LocalSigner
from tegro_localnet.config import MarketConfig
from tegro_localnet.wallet import LocalWallet

_FIRST_ORDER_SECS: Final = 120.0
_STOP_SECS: Final = 60.0
_SETTLE_SECS: Final = 30.0
_POLL_SECS: Final = 0.1
_ALLOWANCES_SECS: Final = 2.0
_PLAIN_COLUMNS: Final = 120
_INTERRUPTED: Final = (
    "Interrupted: the bot was stopped, its orders are cancelled, and nothing of the demo runs any more."
)


def run(options: DemoOptions) -> int:
    """Run a demo and return its exit code.

    Raises
    ------
    InvalidInput
        If there is no such market, or no Hummingbot to run.
    TegroError
        If the demo failed.
    """
    market, host = market_of(options.pair), find_host()
    console = Console()
    if not console.is_terminal:
        # A pipe or a file has no width, and wants whole lines.
        console = Console(width=_PLAIN_COLUMNS)
    return asyncio.run(_perform(options, market, host, console))


async def _perform(options: DemoOptions, market: MarketConfig, host: Host, console: Console) -> int:
    children = Children()
    this = asyncio.current_task()

    def end_at_once() -> None:
        children.kill_all()
        if this is not None:
            this.cancel()

    interruption = Interruption(end_at_once)
    with interruption.watching():
        folder = Path(tempfile.mkdtemp(prefix="tegro-demo-"))
        demo = _Demo(options, market=market, host=host, folder=folder, console=console, children=children)
        code = 1
        try:
            code = await demo.run(interruption)
        except asyncio.CancelledError:
            code = interruption.exit_code
            _say(console, "Interrupted twice: everything was ended at once, and the books were not compared.")
        finally:
            if code == 1:
                _say(console, f"The logs are kept in {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)
    return code


class _Stage(Struct, kw_only=True):
    """Everything that runs once the bot was started."""

    bot: DemoBot
    engine: Child
    localnet: Child
    client: AsyncTegro
    chain: ChainReader
    wallet: str
    follower: Follower
    following: asyncio.Task[None]
    balances_before_wei: dict[str, int]


class _Demo:
    def __init__(
        self,
        options: DemoOptions,
        *,
        market: MarketConfig,
        host: Host,
        folder: Path,
        console: Console,
        children: Children,
    ) -> None:
        self._options = options
        self._market = market
        self._host = host
        self._folder = folder
        self._console = console
        self._children = children
        self._scene = Scene(title=f"tegro demo: {options.pair}, seed {options.seed}")
        self._stage: _Stage | None = None

    async def run(self, interruption: Interruption) -> int:
        """Run it and return the exit code."""
        async with AsyncExitStack() as stack:
            try:
                async with shown(self._scene, self._console):
                    try:
                        await interruption.during(self._start(stack))
                        await interruption.during(self._trade())
                    except Interrupted:
                        self._scene.phases.append("interrupted, ending in order")
                    books = await self._end()
            except BaseException:
                # There is nothing to save in a demo that failed, and a bot without a venue is slow to stop.
                self._children.kill_all()
                raise
            found = self._report(books) if books is not None else []
        if interruption.exit_code and not found:
            _say(self._console, _INTERRUPTED)
        return 1 if found else interruption.exit_code

    async def _start(self, stack: AsyncExitStack) -> None:
        options, scene, market = self._options, self._scene, self._market
        wallet = LocalWallet(secrets.token_bytes(32))
        bot = DemoBot(self._children, self._host, self._folder)
        scene.phases.append("starting a local Tegro; Hummingbot encrypts the key of a new wallet")
        connecting = asyncio.create_task(bot.connect(wallet))
        try:
            localnet, info = await stack.enter_async_context(running_localnet(self._children, options, self._folder))
            await connecting
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        scene.title += f", fee {info.fee_bps} bps"
        scene.phases.append(f"funding the wallet; the fee is {info.fee_bps} bps of what is received")
        await fund(info, wallet.address, funds_of(market))
        caps = caps_of(market)
        bot.configure(options, info, caps)
        environment = environment_of(info, caps)
        client = await stack.enter_async_context(AsyncTegro(environment, signer=LocalSigner(wallet.key)))
        chain = ChainReader(info)
        balances_before_wei = await asyncio.to_thread(chain.balances_wei, wallet.address)
        follower = Follower(await client.market(market.symbol), wallet.address)
        following = asyncio.create_task(follower.follow(client))
        stack.push_async_callback(_ended, following)
        scene.phases.append("starting Hummingbot")
        self._stage = _Stage(
            bot=bot,
            engine=await stack.enter_async_context(bot.running()),
            localnet=localnet,
            client=client,
            chain=chain,
            wallet=wallet.address,
            follower=follower,
            following=following,
            balances_before_wei=balances_before_wei,
        )
        await self._first_order(self._stage)

    async def _first_order(self, stage: _Stage) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _FIRST_ORDER_SECS
        while not stage.follower.has_begun:
            _require_running(stage)
            if loop.time() > deadline:
                raise DemoFailure(f"Hummingbot placed no order within {_FIRST_ORDER_SECS:.0f} seconds")
            await asyncio.sleep(_POLL_SECS)

    async def _trade(self) -> None:
        stage, scene, options = self._running_stage(), self._scene, self._options
        scene.phases.append("a stock Hummingbot makes a market")
        scene.follower = stage.follower
        scene.of_secs = float(options.duration_secs)
        loop = asyncio.get_running_loop()
        begun_secs = loop.time()
        allowances_due_secs = begun_secs
        scene.is_trading = True
        while scene.done_secs < scene.of_secs:
            _require_running(stage)
            if options.fills is not None and len(stage.follower.fills) >= options.fills:
                return
            if loop.time() >= allowances_due_secs:
                scene.allowances = await _allowances(stage)
                allowances_due_secs = loop.time() + _ALLOWANCES_SECS
            scene.done_secs = loop.time() - begun_secs
            await asyncio.sleep(_POLL_SECS)

    async def _end(self) -> Books | None:
        """Stop the bot, make sure that nothing is open, and read the four books; None where the bot never traded."""
        stage, scene = self._stage, self._scene
        scene.is_trading = False
        if stage is None:
            return None
        scene.phases.append("stopping Hummingbot, which cancels its orders")
        if not await stage.engine.stop(_STOP_SECS):
            raise DemoFailure(f"Hummingbot did not stop within {_STOP_SECS:.0f} seconds")
        scene.phases.append("cancelling what is left, waiting for the chain")
        orders = await _settled_orders(stage.client)
        if not orders:
            return None
        scene.phases.append("comparing the four books")
        return await self._read_books(stage, orders)

    async def _read_books(self, stage: _Stage, orders: list[Order]) -> Books:
        markets = await stage.client.markets()
        sides = {order.order_hash: order.side for order in orders}
        after_wei = await asyncio.to_thread(stage.chain.balances_wei, stage.wallet)
        return Books(
            host=await asyncio.to_thread(host_fills, stage.bot.database),
            venue=await venue_fills(stage.client, orders),
            chain=await asyncio.to_thread(stage.chain.settlements, sides),
            balance_changes_wei={
                symbol: balance_wei - stage.balances_before_wei[symbol] for symbol, balance_wei in after_wei.items()
            },
            decimals={token.symbol: token.decimals for market in markets for token in (market.base, market.quote)},
        )

    def _report(self, books: Books) -> list[str]:
        follower = self._running_stage().follower
        found = differences(books)
        self._console.print(report(books, found, follower.market, follower.price))
        return found

    def _running_stage(self) -> _Stage:
        if self._stage is None:
            raise DemoFailure("the demo was not started")
        return self._stage


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, soft_wrap=True, highlight=False, markup=False)


async def _settled_orders(client: AsyncTegro) -> list[Order]:
    """Cancel whatever is open and return all orders of the wallet once each has ended on chain too."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SETTLE_SECS
    while True:
        orders = await client.orders()
        if all(order.is_done for order in orders):
            return orders
        if loop.time() > deadline:
            raise DemoFailure(f"not every order had ended {_SETTLE_SECS:.0f} seconds after the bot")
        if any(order.is_open for order in orders):
            # What it cannot cancel has ended meanwhile, or is tried again.
            await client.cancel_all()
        await asyncio.sleep(_POLL_SECS)


async def _allowances(stage: _Stage) -> str:
    """Say what the exchange contract may still move of the wallet's tokens, and up to which cap."""
    market = stage.follower.market
    states = await stage.client.allowances.state((market.base, market.quote))
    texts = []
    for state in states:
        cap = "" if state.cap_wei is None else f" (cap {state.token.from_wei(state.cap_wei):,f})"
        texts.append(f"{state.token.from_wei(state.allowance_wei):,.2f} {state.token.symbol}{cap}")
    return f"The exchange contract may move at most {' and '.join(texts)}."


def _require_running(stage: _Stage) -> None:
    for child in (stage.engine, stage.localnet):
        child.require_running()
    if stage.following.done():
        stage.following.result()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
