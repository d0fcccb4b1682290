"""Balances of a wallet, as the chain has them (protocol 4.14 and 4.15)."""

from decimal import Decimal

from aiohttp import web

from tegro.model import Token
from tegro.wire import PortfolioEntry, bare, quoted
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.gateway.queries import require_chain
from tegro_localnet.gateway.replies import answer
from tegro_localnet.listing import Listing
from tegro_localnet.parsing import read_address
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.venue import Venue


class AccountRoutes:
    """The endpoints of the accounts service. Every answer is up to the chain's newest block."""

    def __init__(self, venue: Venue, listing: Listing, mirror: ChainMirror) -> None:
        self._ledger: Ledger = venue.ledger
        self._listing = listing
        self._mirror = mirror

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/api/v1/accounts/{chain_id}/{wallet}/portfolio", self._portfolio),
            web.get("/api/v1/accounts/{chain_id}/balances/{wallet}", self._portfolio),
            web.get("/api/v1/accounts/{chain_id}/balances/{wallet}/{token}", self._balance),
        ]

    async def _portfolio(self, request: web.Request) -> web.Response:
        wallet = await self._wallet_in_step(request)
        return answer([self._entry(wallet, token) for token in self._listing.tokens.values()])

    async def _balance(self, request: web.Request) -> web.Response:
        wallet = await self._wallet_in_step(request)
        address = request.match_info["token"]
        token = self._listing.token_at(read_address(address, "token"))
        if token is None:
            raise Refused(f"unknown token {excerpt(address)}")
        return answer(bare(token.from_wei(self._ledger.holding(wallet, token.address).balance_wei)))

    async def _wallet_in_step(self, request: web.Request) -> str:
        require_chain(request.match_info["chain_id"], self._listing)
        wallet = read_address(request.match_info["wallet"], "wallet")
        await self._mirror.catch_up()
        await self._mirror.ensure(wallet, [token.address for token in self._listing.tokens.values()])
        return wallet

    def _entry(self, wallet: str, token: Token) -> PortfolioEntry:
        holding = self._ledger.holding(wallet, token.address)
        quotes = {listed.market.quote.address for listed in self._listing.markets.values()}
        is_quote = token.address in quotes
        return PortfolioEntry(
            address=token.address,
            balance=quoted(token.from_wei(holding.balance_wei)),
            symbol=token.symbol,
            decimal=token.decimals,
            price=bare(Decimal(1) if is_quote else self._price_of(token)),
            type="quote" if is_quote else "base",
            placed_amount=bare(token.from_wei(holding.reserved_wei)),
        )

    def _price_of(self, token: Token) -> Decimal:
        """Return a base token's last price, taking its quote token for a dollar; zero where nothing traded."""
        markets = (listed for listed in self._listing.markets.values() if listed.market.base == token)
        return next((listed.last_price for listed in markets), Decimal(0))
