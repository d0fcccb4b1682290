"""Localnet's own paths under `/localnet/`: no exchange has them."""

from collections.abc import Callable
from decimal import Decimal

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from tegro.wire import NumberLiteral
from tegro.wire.number import plain
from tegro_localnet.faults import Fault, FaultBoard
from tegro_localnet.funding import DEFAULT_NATIVE, Funding
from tegro_localnet.gateway.headers import HeaderLog
from tegro_localnet.gateway.replies import answer
from tegro_localnet.gateway.stream import StreamGateway
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.parsing import read_address, read_body, read_count, read_number
from tegro_localnet.refusal import Refused


class FaucetBody(Struct, kw_only=True):
    """Body of `POST /localnet/faucet`. Amounts are human units by symbol; without them a wallet gets some of each."""

    wallet: str
    amounts: dict[str, NumberLiteral] | None = None
    native: NumberLiteral | UnsetType = UNSET
    chain_id: int | None = None
    """On which of several chains; None: the first."""


class FaucetReply(Struct, kw_only=True):
    """What the faucet gave, in human units."""

    wallet: str
    amounts: dict[str, str]
    native: str


class ControlRoutes:
    """Faucet, description, health, headers, faults."""

    def __init__(
        self, funding: Funding, info: LocalnetInfo, faults: FaultBoard, stream: StreamGateway, headers: HeaderLog
    ) -> None:
        self._headers = headers
        self._funding = funding
        self._info = info
        self._faults = faults
        self._stream = stream

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/localnet/faucet", self._faucet),
            web.get("/localnet/info", self._show_info),
            web.get("/localnet/health", self._health),
            web.get("/localnet/headers", self._list_headers),
            web.post("/localnet/faults", self._add_fault),
            web.get("/localnet/faults", self._list_faults),
            web.delete("/localnet/faults", self._clear_faults),
            web.delete("/localnet/faults/{id}", self._clear_faults),
            web.post("/localnet/faults/release", self._release_faults),
            web.post("/localnet/faults/{id}/release", self._release_faults),
            web.post("/localnet/streams/cut", self._cut_streams),
        ]

    async def _faucet(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), FaucetBody)
        wallet = read_address(body.wallet, "wallet")
        native = DEFAULT_NATIVE if isinstance(body.native, UnsetType) else _amount(body.native, "native")
        amounts = (
            self._funding.default_amounts()
            if body.amounts is None
            else {symbol: _amount(literal, symbol) for symbol, literal in body.amounts.items()}
        )
        try:
            given = await self._funding.fund(wallet, amounts, native)
        except ValueError as error:
            raise Refused(str(error)) from error
        shown = {symbol: plain(amount) for symbol, amount in given.items()}
        return answer(FaucetReply(wallet=wallet, amounts=shown, native=plain(native)))

    async def _show_info(self, _: web.Request) -> web.Response:
        return answer(self._info)

    async def _health(self, _: web.Request) -> web.Response:
        return answer({"status": "ok"})

    async def _list_headers(self, _: web.Request) -> web.Response:
        return answer(self._headers.seen())

    async def _add_fault(self, request: web.Request) -> web.Response:
        return answer({"id": self._faults.add(read_body(await request.read(), Fault))})

    async def _list_faults(self, _: web.Request) -> web.Response:
        return answer(self._faults.list())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        return answer({"cleared": _on_chosen(request, self._faults.clear)})

    async def _release_faults(self, request: web.Request) -> web.Response:
        return answer({"released": _on_chosen(request, self._faults.release)})

    async def _cut_streams(self, _: web.Request) -> web.Response:
        return answer({"cut": self._stream.cut_all()})


def _on_chosen(request: web.Request, act: Callable[[int | None], int]) -> int:
    """Do something with the fault whose id is in the path, or with all of them."""
    text = request.match_info.get("id")
    fault_id = None if text is None else read_count(text, "the id of a fault", default=0, least=1, most=10**9)
    try:
        return act(fault_id)
    except LookupError as error:
        raise Refused(str(error)) from error


def _amount(literal: NumberLiteral, what: str) -> Decimal:
    return read_number(literal, f"the amount of {what[:80]}")
