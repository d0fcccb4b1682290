"""Localnet's own paths under `/localnet/`: no exchange has them."""

from decimal import Decimal

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from tegro.wire import NumberLiteral, decimal_of
from tegro.wire.number import plain
from tegro_localnet.funding import DEFAULT_NATIVE, Funding
from tegro_localnet.gateway.replies import answer
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.parsing import read_address, read_body
from tegro_localnet.refusal import Refused


class FaucetBody(Struct, kw_only=True):
    """Body of `POST /localnet/faucet`. Amounts are human units by symbol; without them a wallet gets some of each."""

    wallet: str
    amounts: dict[str, NumberLiteral] | None = None
    native: NumberLiteral | UnsetType = UNSET


class FaucetReply(Struct, kw_only=True):
    """What the faucet gave, in human units."""

    wallet: str
    amounts: dict[str, str]
    native: str


class ControlRoutes:
    """Faucet, description, health."""

    def __init__(self, funding: Funding, info: LocalnetInfo) -> None:
        self._funding = funding
        self._info = info

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/localnet/faucet", self._faucet),
            web.get("/localnet/info", self._show_info),
            web.get("/localnet/health", self._health),
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


def _amount(literal: NumberLiteral, what: str) -> Decimal:
    if len(literal) > 100:
        raise Refused(f"the amount of {what[:80]} must have at most 100 characters")
    try:
        return decimal_of(literal)
    except ValueError as error:
        raise Refused(f"the amount of {what[:80]}: {error}") from error
