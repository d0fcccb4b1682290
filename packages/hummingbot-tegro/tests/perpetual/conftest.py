"""A running perpetual connector against localnet's perpetual venue, with a proxy in between that can misbehave."""

from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from connector_desk import Listener, PassingProxy, bots_of, host_data_in, running, serving, until
from hummingbot.connector.derivative.tegro_perpetual.tegro_perpetual_derivative import TegroPerpetualDerivative
from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from tegro.model import OrderType as ClientOrderType
from tegro.model import Side
from tegro.perpetual import (
    Accepted,
    ApiKey,
    AsyncPerpetual,
    PerpetualOrder,
    PerpetualOrderRequest,
    PositionMode,
    PositionSide,
    load_perpetual,
)
from tegro_localnet.background import BackgroundLocalnet

ORDER_PATH = "/fapi/v1/order"
PAIR, SYMBOL = "ETH-USDT", "ETHUSDT"


class PerpetualProxy(PassingProxy):
    """Passes everything on to localnet, unless it is told to misbehave."""

    def __init__(self, rest_url: str) -> None:
        super().__init__(rest_url)
        self.drops_placed = 0
        """Placements whose reply is lost on the way back."""
        self.swallows_placed = 0
        """Placements that are lost on the way there."""
        self.breaks_reads = False

    async def answer(self, request: web.Request) -> web.Response:
        is_placement = (request.method, request.path) == ("POST", ORDER_PATH)
        if is_placement and self.swallows_placed:
            self.swallows_placed -= 1
            return web.Response(status=504)
        if request.method == "GET" and self.breaks_reads:
            return web.Response(status=502)
        reply = await self.forward(request)
        if is_placement and self.drops_placed:
            self.drops_placed -= 1
            return web.Response(status=504)
        return reply


class PerpetualDesk(Listener):
    """A started connector, a counterparty, and what the connector announced."""

    def __init__(self, localnet: BackgroundLocalnet, proxy: PerpetualProxy, key: ApiKey, other: AsyncPerpetual) -> None:
        super().__init__()
        self.localnet = localnet
        self.proxy = proxy
        self.other = other
        self._key = key
        self.connector = self.new_connector()

    def new_connector(self, **changes: object) -> TegroPerpetualDerivative:
        """Make one more connector of the same account, not started."""
        keywords = {
            "tegro_perpetual_api_key": self._key.key,
            "tegro_perpetual_api_secret": self._key._secret.decode(),
            "trading_pairs": [PAIR],
            "domain": "tegro_perpetual_localnet",
        }
        connector = TegroPerpetualDerivative(**(keywords | changes))
        self.listen(connector)
        return connector

    async def until(self, condition: Callable[[], object], secs: float = 60) -> None:
        """Wait until something is so."""
        await until(condition, secs)

    async def other_places(
        self, side: Side, quantity: str, price: str | None, position_side: PositionSide = PositionSide.BOTH
    ) -> PerpetualOrder:
        """Let the counterparty place an order."""
        request = PerpetualOrderRequest(
            contract=await self.other.contract(SYMBOL),
            side=side,
            quantity=Decimal(quantity),
            order_type=ClientOrderType.LIMIT if price is not None else ClientOrderType.MARKET,
            price=None if price is None else Decimal(price),
            position_side=position_side,
        )
        outcome = await self.other.place(request)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    def order(
        self,
        side: str,
        amount: str,
        price: str | None,
        action: PositionAction = PositionAction.OPEN,
        order_type: OrderType = OrderType.LIMIT,
    ) -> str:
        """Let the connector place an order; return its client order id."""
        place = self.connector.buy if side == "buy" else self.connector.sell
        return place(PAIR, Decimal(amount), order_type, Decimal(price or "NaN"), position_action=action)

    async def opened(self, client_order_id: str) -> InFlightOrder:
        """Wait until an order is at the venue."""
        orders = self.connector.in_flight_orders
        await until(lambda: client_order_id in orders and not orders[client_order_id].is_pending_create)
        return orders[client_order_id]

    async def ended(self, client_order_id: str) -> None:
        """Wait until an order is no longer tracked."""
        await until(lambda: client_order_id not in self.connector.in_flight_orders)

    async def set_mode(self, connector_mode, client_mode: PositionMode) -> None:
        """Put the connector's account into a position mode."""
        self.connector.set_position_mode(connector_mode)
        await until(lambda: self.connector.position_mode is connector_mode)
        assert await self.connector._link.client.rest.position_mode() is client_mode

    async def clear(self) -> None:
        """Cancel everything, close every position of both accounts, and wait until the connector has seen it."""
        self.proxy.drops_placed = self.proxy.swallows_placed = 0
        self.proxy.breaks_reads = False
        await self.connector.cancel_all(30)
        await until(lambda: not self.connector.in_flight_orders)
        await self.other.cancel_all(SYMBOL)
        own = self.connector._link.client
        for position in await own.positions():
            against = Side.SELL if position.quantity > 0 else Side.BUY
            amount = f"{abs(position.quantity):f}"
            await self.other_places(against.opposite, amount, "2000")
            await own.place(
                PerpetualOrderRequest(
                    contract=await own.contract(SYMBOL),
                    side=against,
                    quantity=Decimal(amount),
                    price=Decimal(2000),
                    position_side=position.position_side,
                )
            )
        await self.other.cancel_all(SYMBOL)
        await until(lambda: not self.connector.account_positions)
        self.events.clear()


@pytest.fixture(scope="module")
def host_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give Hummingbot a folder for its data."""
    with host_data_in(tmp_path_factory.mktemp("host")) as folder:
        yield folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def proxy(localnet: BackgroundLocalnet) -> AsyncIterator[PerpetualProxy]:
    """Run a proxy in front of localnet."""
    made = PerpetualProxy(localnet.rest_url)
    async with serving(made.handle) as url:
        made.url = url
        yield made


@pytest.fixture(scope="module")
def settings_file(proxy: PerpetualProxy, host_folder: Path) -> Iterator[Path]:
    """Point the plug-in's settings at the proxy."""
    path = host_folder / "tegro.toml"
    path.write_text(f'[perpetual.localnet]\nrest_url = "{proxy.url}"\n[perpetual.testnet]\nrest_url = "{proxy.url}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEGRO_SETTINGS", str(path))
        yield path


@pytest.fixture(scope="module")
def new_key(localnet: BackgroundLocalnet) -> Callable[..., ApiKey]:
    """Return a function that opens an account with a deposit and returns its key."""
    import httpx

    def make(deposit: str = "100000") -> ApiKey:
        answer = httpx.post(f"{localnet.rest_url}/localnet/perpetual/api-keys", json={"deposit": deposit}).json()
        return ApiKey(answer["apiKey"], answer["apiSecret"])

    return make


@pytest.fixture(scope="module")
def say_to_venue(localnet: BackgroundLocalnet) -> Callable[[str, dict[str, object]], object]:
    """Return a function that speaks to localnet's own paths of the perpetual venue."""
    import httpx

    def say(path: str, body: dict[str, object]) -> object:
        answer = httpx.post(f"{localnet.rest_url}/localnet/perpetual/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return say


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(
    localnet: BackgroundLocalnet,
    proxy: PerpetualProxy,
    settings_file: Path,
    new_key: Callable[..., ApiKey],
    say_to_venue: Callable[[str, dict[str, object]], object],
) -> AsyncIterator[PerpetualDesk]:
    """Yield a connector that is ready to trade, and a counterparty."""
    say_to_venue("index", {"symbol": SYMBOL, "price": "2000"})
    direct = load_perpetual("localnet", env={"TEGRO_PERPETUAL_LOCALNET_REST_URL": localnet.rest_url})
    async with AsyncPerpetual(direct, api_key=new_key("10000000")) as other:
        made = PerpetualDesk(localnet, proxy, new_key(), other)
        async with running(made.connector):
            await until(lambda: made.connector.ready)
            yield made


@pytest.fixture
def make_bot(desk: PerpetualDesk, tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Return what makes bots that trade with the desk's account."""
    with bots_of(desk.new_connector, tmp_path) as make:
        yield make
