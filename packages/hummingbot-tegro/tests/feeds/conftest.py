"""A venue whose clock a test may set back, two wallets that trade on it, and a Hummingbot that is told of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import hummingbot
import pytest

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import ENVIRONMENTS, Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig

BASE_CHAIN_ID = 8453


class ShiftedClock:
    """The time of this machine, less as much as a test says."""

    def __init__(self) -> None:
        self.behind_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 - self.behind_ms

    def set_to(self, now_ms: int) -> None:
        """Let it be another time now."""
        self.behind_ms += self() - now_ms


class TradingVenue:
    """A localnet that stands in for Tegro on Base, and a seller and a buyer on it."""

    def __init__(self, localnet: BackgroundLocalnet, clock: ShiftedClock) -> None:
        self.localnet = localnet
        self.clock = clock
        self.keys = [localnet.new_wallet().key for _ in range(2)]

    def client(self, key: str | None = None) -> AsyncTegro:
        """Return a client of the venue."""
        variables = {"TEGRO_MAINNET_REST_URL": self.localnet.rest_url, "TEGRO_MAINNET_RPC_URL": self.localnet.rpc_url}
        environment = Settings.load(env=variables).environment("mainnet")
        return AsyncTegro(environment, signer=None if key is None else LocalSigner(key))

    async def trade(self, *prices: str, symbol: str = "WETH_USDC", quantity: str = "0.01") -> None:
        """Let seller and buyer match, once for each price."""
        seller, buyer = (self.client(key) for key in self.keys)
        async with seller, buyer:
            market = await seller.market(symbol)
            for price in prices:
                for side, client in ((Side.SELL, seller), (Side.BUY, buyer)):
                    request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))
                    assert isinstance(await client.place(request), Accepted)

    async def quote(self, symbol: str, side: Side, price: str, quantity: str = "1") -> None:
        """Let the seller's wallet place an order that rests."""
        async with self.client(self.keys[0]) as client:
            market = await client.market(symbol)
            request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))
            assert isinstance(await client.place(request), Accepted)


@pytest.fixture(scope="module")
def venue_clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, chain_id=BASE_CHAIN_ID)


@pytest.fixture(scope="module")
def localnet(localnet_config: LocalnetConfig, venue_clock: ShiftedClock) -> Iterator[BackgroundLocalnet]:
    with BackgroundLocalnet(localnet_config, clock_ms=venue_clock) as running:
        yield running


@pytest.fixture(scope="module")
def venue(localnet: BackgroundLocalnet, venue_clock: ShiftedClock) -> TradingVenue:
    return TradingVenue(localnet, venue_clock)


@pytest.fixture
def data_folder(tmp_path: Path) -> Iterator[Path]:
    """Give Hummingbot a folder for its data."""
    before = hummingbot._data_path
    hummingbot.set_data_path(str(tmp_path / "data"))
    yield tmp_path / "data"
    hummingbot._data_path = before


@pytest.fixture
def settings_file(tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the plug-in's settings."""
    path = tmp_path / "tegro.toml"
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    return path


@pytest.fixture
def settings_at(settings_file: Path) -> Callable[[str], None]:
    """Return what points the settings of every domain at an address."""

    def write(rest_url: str) -> None:
        settings_file.write_text("".join(f'[{name}]\nrest_url = "{rest_url}"\n' for name in ENVIRONMENTS))

    return write


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Return what waits until a condition holds."""

    async def wait(condition: Callable[[], object], secs: float = 20) -> None:
        deadline = time.monotonic() + secs
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail("it did not happen in time")
            await asyncio.sleep(0.01)

    return wait
