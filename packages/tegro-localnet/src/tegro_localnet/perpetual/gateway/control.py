"""Localnet's own paths of the perpetual venue, under `/localnet/perpetual/`: no exchange has them."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tegro_localnet.agents.replay import Replay
from tegro_localnet.gateway.replies import answer
from tegro_localnet.parsing import read_body
from tegro_localnet.perpetual.engine.commands import SetFunding, SetIndex, Transfer
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import HOUSE
from tegro_localnet.perpetual.gateway.account_views import AccountViews
from tegro_localnet.perpetual.gateway.market_views import premium_view
from tegro_localnet.perpetual.gateway.sockets import StreamSockets
from tegro_localnet.perpetual.notation import amount_text, read_number
from tegro_localnet.perpetual.venue import PerpetualVenue
from tegro_localnet.refusal import Refused

_DEFAULT_DEPOSIT: Final = "100000"
_LONGEST_SECS: Final = 86_400


class ApiKeyBody(Struct, kw_only=True):
    """Body of `POST /localnet/perpetual/api-keys`: what the new account begins with, in USDT."""

    deposit: str = _DEFAULT_DEPOSIT


class ApiKeyReply(Struct, kw_only=True, rename="camel"):
    """A new account and the key to it."""

    account_id: int
    api_key: str
    api_secret: str
    deposit: str


class DepositBody(Struct, kw_only=True):
    """Body of `POST /localnet/perpetual/deposit`. A negative amount takes out."""

    account_id: int
    amount: str


class IndexBody(Struct, kw_only=True):
    """Body of `POST /localnet/perpetual/index`."""

    symbol: str
    price: str


class FundingBody(Struct, kw_only=True):
    """Body of `POST /localnet/perpetual/funding`. Without a rate, it follows from the premium."""

    symbol: str
    interval_secs: int
    rate: str | None = None


class PerpetualControl:
    """Accounts, prices, funding, streams, and what the page shows."""

    def __init__(self, venue: PerpetualVenue, sockets: StreamSockets, replay_of: Callable[[], Replay | None]) -> None:
        self._replay_of: Final = replay_of
        self._sockets: Final = sockets
        self._venue: Final = venue
        self._views: Final = AccountViews(venue.state)

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.post("/localnet/perpetual/api-keys", self._issue),
            web.post("/localnet/perpetual/deposit", self._deposit),
            web.post("/localnet/perpetual/index", self._set_index),
            web.post("/localnet/perpetual/funding", self._set_funding),
            web.get("/localnet/perpetual", self._show),
            web.get("/localnet/perpetual/replay", self._show_replay),
            web.post("/localnet/perpetual/streams/cut", self._cut_streams),
        ]

    async def _issue(self, request: web.Request) -> web.Response:
        body = read_body(await request.read() or b"{}", ApiKeyBody)
        deposit_e8 = _number(body.deposit, "deposit", 8)
        if deposit_e8 < 0:
            raise Refused(f"deposit must not be negative, was {body.deposit[:80]}")
        credentials = self._venue.open_account(deposit_e8)
        reply = ApiKeyReply(
            account_id=credentials.account_id,
            api_key=credentials.api_key,
            api_secret=credentials.api_secret,
            deposit=amount_text(deposit_e8),
        )
        return answer(reply)

    async def _deposit(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), DepositBody)
        if body.account_id not in self._venue.state.accounts or body.account_id == HOUSE:
            raise Refused(f"there is no account {body.account_id}")
        amount_e8 = _number(body.amount, "amount", 8)
        _carry_out(lambda: self._venue.apply(Transfer(account_id=body.account_id, amount_e8=amount_e8)))
        wallet_e8 = self._venue.state.accounts[body.account_id].wallet_e8
        return answer({"accountId": body.account_id, "walletBalance": amount_text(wallet_e8)})

    async def _set_index(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), IndexBody)
        price_e18 = _number(body.price, "price", 18)
        _carry_out(lambda: self._venue.apply(SetIndex(symbol=body.symbol, price_e18=price_e18)))
        return answer(premium_view(self._venue.state.markets[body.symbol], self._venue.clock_ms()))

    async def _set_funding(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), FundingBody)
        if not 1 <= body.interval_secs <= _LONGEST_SECS:
            raise Refused(f"interval_secs must be between 1 and {_LONGEST_SECS}, was {body.interval_secs}")
        rate_e8 = None if body.rate is None else _number(body.rate, "rate", 8)
        terms = FundingTerms(interval_ms=body.interval_secs * 1000, fixed_rate_e8=rate_e8)
        _carry_out(lambda: self._venue.apply(SetFunding(symbol=body.symbol, terms=terms)))
        return answer(premium_view(self._venue.state.markets[body.symbol], self._venue.clock_ms()))

    async def _show_replay(self, _: web.Request) -> web.Response:
        replay = self._replay_of()
        return answer(None if replay is None else replay.progress)

    async def _cut_streams(self, _: web.Request) -> web.Response:
        return answer({"cut": self._sockets.cut_all()})

    async def _show(self, _: web.Request) -> web.Response:
        """Return prices, funding, and every position with its liquidation price."""
        state, now_ms = self._venue.state, self._venue.clock_ms()
        positions: list[dict[str, Any]] = [
            {"accountId": account.account_id} | self._views.risk(account, row, is_full=True)
            for account in state.accounts.values()
            for row in self._views.rows(account, None, is_full=False)
            if row.position.quantity_e8
        ]
        body = {
            "markets": [premium_view(market, now_ms) for market in state.markets.values()],
            "positions": positions,
            "insuranceFund": amount_text(state.house.wallet_e8),
            "fees": amount_text(state.fees_e8),
        }
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _number(text: str, name: str, decimals: int) -> int:
    try:
        return read_number(text, name, decimals)
    except Rejected as refusal:
        raise Refused(f"{name} must be a decimal number, was {text[:80]!r} ({refusal.text})") from refusal


def _carry_out(act: Callable[[], Any]) -> None:
    try:
        act()
    except Rejected as refusal:
        raise Refused(refusal.text) from refusal
