"""The connector's one door to `tegro`: the client and its lifetime, and which market each Hummingbot pair means."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from hummingbot.connector.utils import combine_to_hb_trading_pair

from hummingbot_tegro.common.client_link import ClientLink
from tegro.client import AsyncTegro
from tegro.errors import InvalidInput
from tegro.journal import Journal, JournalEntry, SqliteJournal
from tegro.model import Market
from tegro.outcome import Resolution
from tegro.pins import PinBook, pin_book
from tegro.settings import Environment
from tegro.signer import Signer

from .signers import KeystoreSigner

_log: Final = logging.getLogger(__name__)

JOURNAL_FILE: Final = "tegro_journal.sqlite"
PINS_FILE: Final = "pins.json"


class VenueLink(ClientLink[AsyncTegro]):
    """The client of one wallet, its record of signed orders, and the markets by Hummingbot pair.

    Parameters
    ----------
    environment
        Venue and chain.
    signer
        Signs for the wallet; None for an instance that only reads public data.
    folder
        Where the record of signed orders and the pins are kept; all bots of this Hummingbot share it.
    keeps_journal
        Whether orders will be signed; if not, no record is made.
    on_resolved
        Told of each order whose fate the client has found out.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        signer: Signer | None,
        folder: Path,
        keeps_journal: bool,
        on_resolved: Callable[[JournalEntry, Resolution], None],
    ) -> None:
        super().__init__()
        self.environment = environment
        self._signer = signer
        self._folder = folder
        self._keeps_journal = keeps_journal
        self._on_resolved = on_resolved
        self._pins: PinBook | None = None
        self._journal: Journal | None = None
        self._markets: dict[str, Market] = {}
        self._pair_of_symbol: dict[str, str] = {}
        self._pair_of_id: dict[str, str] = {}

    def _running_client(self) -> AsyncTegro:
        if self._journal is None and self._keeps_journal:
            self._journal = SqliteJournal(self._folder / JOURNAL_FILE)
        return AsyncTegro(
            self.environment,
            signer=self._signer,
            journal=self._journal,
            pins=self._pin_book(),
            on_resolved=self._on_resolved,
        )

    def _short_client(self) -> AsyncTegro:
        return AsyncTegro(self.environment, signer=self._signer, pins=self._pin_book())

    async def open_signer(self) -> None:
        """Make sure that the signer can sign, where that is not certain yet.

        Raises
        ------
        InvalidInput
            If the keystore does not open, or is of another wallet.
        """
        if isinstance(self._signer, KeystoreSigner):
            await self._signer.open()

    async def close(self) -> None:
        """Close the client and the journal. May be repeated; the next use of `client` opens new ones."""
        journal, self._journal = self._journal, None
        await super().close()
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
        self._pair_of_id = {market.id: pair for pair, market in learned.items()}
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
        await self._learn_once(lambda: trading_pair in self._markets, self._read_markets)
        try:
            return self._markets[trading_pair]
        except KeyError:
            raise InvalidInput(
                f"Tegro has no market {trading_pair} on {self.environment.chain}; use a pair that 'tegro markets' lists"
            ) from None

    async def _read_markets(self) -> None:
        async with self.borrowed() as client:
            self.learn(await client.markets(refresh=bool(self._markets)))

    def token_addresses(self) -> set[str]:
        """Return the addresses of all tokens of the known markets."""
        return {token.address for market in self._markets.values() for token in (market.base, market.quote)}

    def known_market(self, trading_pair: str) -> Market | None:
        """Return the market of a pair if it is known already; else None."""
        return self._markets.get(trading_pair)

    def pair_of(self, symbol: str) -> str | None:
        """Return the Hummingbot pair of a market's symbol; None if that market is not known here."""
        return self._pair_of_symbol.get(symbol)

    def pair_of_market_id(self, market_id: str) -> str | None:
        """Return the Hummingbot pair of a market's id; None if that market is not known here."""
        return self._pair_of_id.get(market_id)

    def _pin_book(self) -> PinBook:
        if self._pins is None:
            self._pins = pin_book(self.environment, self._folder / PINS_FILE)
        return self._pins
