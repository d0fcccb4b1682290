"""A localnet in a thread of its own, for code that is not asynchronous and for tests of both kinds."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from tegro.model import Market
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.clock import now_ms
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import FaultBoard
from tegro_localnet.funding import DEFAULT_NATIVE
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.localnet import Localnet
from tegro_localnet.wallet import LocalWallet


class BackgroundLocalnet:
    """A running localnet with blocking methods, as a context manager. Usable once.

    Its methods may be called from any thread, also from inside another event loop (they block it for some
    milliseconds). Amounts are human units by symbol.

    Parameters
    ----------
    config : LocalnetConfig
        What it is to be.
    clock_ms : callable
        The time in Unix milliseconds.

    Attributes
    ----------
    localnet : Localnet
        The thing itself. It lives on its own loop: reach it through `call`.
    """

    def __init__(self, config: LocalnetConfig, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self.localnet: Final = Localnet(config, clock_ms=clock_ms)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="localnet", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.call(self.localnet.__aenter__())
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call(self.localnet.__aexit__(None, None, None))
        finally:
            self._end_thread()

    @property
    def info(self) -> LocalnetInfo:
        """URLs, contracts, tokens and markets."""
        return self.localnet.info

    @property
    def rest_url(self) -> str:
        """Root of the REST paths, without `/api`."""
        return self.localnet.rest_url

    @property
    def stream_url(self) -> str:
        """The WebSocket endpoint."""
        return self.localnet.stream_url

    @property
    def rpc_url(self) -> str:
        """The chain's JSON-RPC endpoint."""
        return self.localnet.rpc_url

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self.localnet.deployment.chain_id

    @property
    def deployment(self) -> Deployment:
        """The contracts."""
        return self.localnet.deployment

    @property
    def markets(self) -> dict[str, Market]:
        """The markets by symbol."""
        return self.localnet.markets

    @property
    def faults(self) -> FaultBoard:
        """What goes wrong on demand; it may be set and released from any thread."""
        return self.localnet.faults

    def call[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the localnet's own loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def cut_streams(self) -> int:
        """Cut every WebSocket without a closing handshake; returns how many there were."""

        async def cut() -> int:
            return self.localnet.cut_streams()

        return self.call(cut())

    def fund(self, wallet: str, amounts: Mapping[str, Decimal] | None = None, native: Decimal = DEFAULT_NATIVE) -> None:
        """Give a wallet test tokens and coins for gas; without amounts, some of each."""
        self.call(self.localnet.fund(wallet, amounts, native))

    def approve(self, wallet: LocalWallet, symbol: str, amount: Decimal) -> None:
        """Let the exchange move up to an amount of a wallet's token."""
        self.call(self.localnet.approve(wallet, symbol, amount))

    def new_wallet(
        self, amounts: Mapping[str, Decimal] | None = None, *, native: Decimal = DEFAULT_NATIVE, approve: bool = True
    ) -> LocalWallet:
        """Make a wallet with `address` and `key`, fund it, and approve what it got unless told otherwise."""
        return self.call(self.localnet.new_wallet(amounts, native=native, approve=approve))

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
