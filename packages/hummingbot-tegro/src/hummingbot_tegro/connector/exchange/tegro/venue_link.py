"""The connector's one door to `tegro`: the client and its lifetime, and which market each Hummingbot pair means."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hummingbot.connector.utils import combine_to_hb_trading_pair

from tegro.client import AsyncTegro
from tegro.errors import InvalidInput
from tegro.journal import Journal, SqliteJournal
from tegro.model import Market
from tegro.settings import Environment
from tegro.signer import Signer

_log: Final = logging.getLogger(__name__)


class VenueLink:
    """A client that is opened when it is first needed and closed with the network.

    Hummingbot also makes connectors that it never starts or stops, to test keys or to list markets. They use
    `borrowed`, which leaves nothing open behind.

    Parameters
    ----------
    environment
        Venue and chain.
    signer
        Signs for the wallet; None for an instance that only reads public data.
    journal_path
        File of signed orders; None keeps no record across restarts.
    """

    def __init__(self, environment: Environment, *, signer: Signer | None, journal_path: Path | None) -> None:
        self.environment = environment
        self._signer = signer
        self._journal_path = journal_path
        self._journal: Journal | None = None
        self._client: AsyncTegro | None = None
        self._markets: dict[str, Market] = {}
        self._pair_of_symbol: dict[str, str] = {}

    @property
    def client(self) -> AsyncTegro:
        """The client of the running network."""
        if self._client is None:
            if self._journal is None and self._journal_path is not None:
                self._journal = SqliteJournal(self._journal_path)
            self._client = AsyncTegro(self.environment, signer=self._signer, journal=self._journal)
        return self._client

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[AsyncTegro]:
        """Lend the client of the running network, or one for this block only where the network does not run."""
        if self._client is not None:
            yield self._client
            return
        async with AsyncTegro(self.environment, signer=self._signer) as client:
            yield client

    async def close(self) -> None:
        """Close the client and the journal. May be repeated; the next use of `client` opens new ones."""
        client, self._client = self._client, None
        journal, self._journal = self._journal, None
        if client is not None:
            await client.aclose()
        if journal is not None:
            journal.close()

    def learn(self, markets: Iterable[Market]) -> dict[str, Market]:
        """Take in the venue's list of markets and return it by Hummingbot pair.

        The venue sends the most traded first. A later market with the same two symbols is another token of that name:
        it is left out, because Hummingbot tells pairs apart by symbol only.
        """
        learned: dict[str, Market] = {}
        for market in markets:
            pair: str = combine_to_hb_trading_pair(market.base.symbol, market.quote.symbol)
            if pair in learned:
                _log.warning("Tegro lists %s twice; %s is used and %s is left out.", pair, learned[pair].id, market.id)
            else:
                learned[pair] = market
        self._markets = learned
        self._pair_of_symbol = {market.symbol: pair for pair, market in learned.items()}
        return learned

    async def market(self, trading_pair: str) -> Market:
        """Return the market of a Hummingbot pair.

        Raises
        ------
        InvalidInput
            If the venue has no such market on this chain.
        TegroError
            If the venue cannot be asked.
        """
        if trading_pair not in self._markets:
            async with self.borrowed() as client:
                self.learn(await client.markets())
        try:
            return self._markets[trading_pair]
        except KeyError:
            raise InvalidInput(
                f"Tegro has no market {trading_pair} on {self.environment.chain}; use a pair that 'tegro markets' lists"
            ) from None

    def token_addresses(self) -> set[str]:
        """Return the addresses of all tokens of the known markets."""
        return {token.address for market in self._markets.values() for token in (market.base, market.quote)}

    def pair_of(self, symbol: str) -> str | None:
        """Return the Hummingbot pair of a market's symbol; None if that market is not known here."""
        return self._pair_of_symbol.get(symbol)
