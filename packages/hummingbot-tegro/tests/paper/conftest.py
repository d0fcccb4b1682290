"""A running paper connector on a real localnet, and a trader whose orders and trades it sees."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from connector_desk import Listener, host_data_in, running, until

from hummingbot_tegro.paper.exchange import TegroPaperTradeExchange
from tegro.client import AsyncTegro
from tegro.model import BookSnapshot, Order, OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet

PAIR = "WETH-USDC"


class PaperDesk(Listener):
    """Makes connectors, and has somebody else trade."""

    def __init__(self, makers: AsyncTegro, takers: AsyncTegro) -> None:
        super().__init__()
        self._makers = makers
        self._takers = takers

    @asynccontextmanager
    async def running(self, **options: object) -> AsyncIterator[TegroPaperTradeExchange]:
        """Run a connector with paper money until it is no longer needed."""
        connector = TegroPaperTradeExchange(trading_pairs=[PAIR], domain="tegro_localnet", **options)
        connector.set_balance("WETH", 10)
        connector.set_balance("USDC", 50_000.0)
        self.listen(connector)
        async with running(connector):
            await self.until(lambda: connector.ready)
            yield connector

    async def until(self, condition: Callable[[], object], secs: float = 60) -> None:
        """Wait until a condition holds, or fail."""
        await until(condition, secs)

    async def rests(self, side: Side, quantity: str, price: str) -> Order:
        """Let the other trader rest an order."""
        return await self._place(self._makers, side, quantity, price)

    async def takes(self, side: Side, quantity: str, price: str) -> Order:
        """Let a second trader take from what rests."""
        return await self._place(self._takers, side, quantity, price)

    async def fee_rate(self) -> Decimal:
        """Return the venue's fee."""
        return (await self._makers.chain()).fee_rate

    async def snapshot(self) -> BookSnapshot:
        """Read the book as the venue has it."""
        market = await self._makers.market("WETH_USDC")
        return await self._makers.book(market.id)

    async def clear(self) -> None:
        """Empty the market."""
        await self._makers.cancel_all()
        await self._takers.cancel_all()

    @staticmethod
    async def _place(client: AsyncTegro, side: Side, quantity: str, price: str) -> Order:
        market = await client.market("WETH_USDC")
        request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))
        outcome = await client.place(request)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    async def sees(self, connector: TegroPaperTradeExchange, side: Side, price: str, quantity: str) -> None:
        """Wait until a connector's book has a level."""
        book = connector.get_order_book(PAIR)

        def is_there() -> bool:
            rows = book.bid_entries() if side is Side.BUY else book.ask_entries()
            return any(str(row.price) == str(float(price)) and str(row.amount) == str(float(quantity)) for row in rows)

        await self.until(is_there)


@pytest.fixture(scope="module")
def paper_settings(localnet: BackgroundLocalnet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Point the plug-in's settings and Hummingbot's data at this test; every preset without latency."""
    folder = tmp_path_factory.mktemp("host")
    path = folder / "tegro.toml"
    path.write_text(
        f'[localnet]\nrest_url = "{localnet.rest_url}"\nrpc_url = "{localnet.rpc_url}"\n'
        "[localnet.paper]\norder_latency_ms = 0\ncancel_latency_ms = 0\n"
    )
    with host_data_in(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEGRO_SETTINGS", str(path))
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(localnet: BackgroundLocalnet, paper_settings: Path) -> AsyncIterator[PaperDesk]:
    """Yield a desk whose two other traders have an empty market."""
    amounts = {"WETH": Decimal(100), "USDC": Decimal(500_000)}
    makers, takers = localnet.new_wallet(amounts), localnet.new_wallet(amounts)
    direct = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    async with (
        AsyncTegro(direct, signer=LocalSigner(makers.key)) as first,
        AsyncTegro(direct, signer=LocalSigner(takers.key)) as second,
    ):
        yield PaperDesk(first, second)
