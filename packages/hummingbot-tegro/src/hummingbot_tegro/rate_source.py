"""Prices of all of a venue's pairs for Hummingbot's rate oracle.

Tegro's markets are quoted in USDC, and Hummingbot shows values in USDT unless it is told otherwise: with this source,
`config global_token.global_token_name USDC`.
"""

import logging
from decimal import Context, Decimal
from typing import ClassVar, Final

from hummingbot.core.rate_oracle.sources.rate_source_base import RateSourceBase
from hummingbot.core.utils import async_ttl_cache

from hummingbot_tegro.common.warnings_once import WarnOnce
from hummingbot_tegro.host_settings import environment_for
from hummingbot_tegro.pairs import pair_of
from tegro.client import AsyncTegro
from tegro.errors import TegroError
from tegro.model import Ticker

_CACHE_SECS: Final = 30
"""As long as the sources that Hummingbot ships keep theirs."""
_WIDE: Final = Context(prec=200)


class TegroRateSource(RateSourceBase):
    """Reads the prices of every verified market of the chain in use. Needs no key.

    A price is the middle of best bid and best ask where both are there, else the last one; a market that has neither
    has no price. Nothing is open between two readings.
    """

    domain: ClassVar[str] = "tegro"

    def __init__(self) -> None:
        super().__init__()
        # One cache to each source: Hummingbot's own way of one for the class would mix up the domains.
        self._cached_prices = async_ttl_cache(ttl=_CACHE_SECS, maxsize=1)(self._read_prices)
        self._warnings = WarnOnce(self.logger())

    @property
    def name(self) -> str:
        """Name of the source: the domain."""
        return self.domain

    @classmethod
    def logger(cls) -> logging.Logger:
        """Return the logger of this source."""
        return logging.getLogger(__name__)

    async def get_prices(self, quote_token: str | None = None) -> dict[str, Decimal]:  # noqa: ARG002
        """Return the prices by Hummingbot pair, at most half a minute old; none if the venue could not be read.

        Parameters
        ----------
        quote_token
            Not looked at: pairs of other quotes are what the oracle bridges two tokens with.
        """
        prices: dict[str, Decimal] = await self._cached_prices()
        return dict(prices)

    async def _read_prices(self) -> dict[str, Decimal]:
        prices: dict[str, Decimal | None] = {}
        try:
            async with AsyncTegro(environment_for(self.domain)) as client:
                for market, ticker in await client.tickers():
                    # The first of a name is meant, also where it has no price: a later one is another token.
                    prices.setdefault(pair_of(market), price_of(ticker))
        except TegroError as error:
            self._warnings.say(f"No rates from {self.domain}: {error}.")
            return {}
        self._warnings.forget()
        return {pair: price for pair, price in prices.items() if price is not None}


class TegroTestnetRateSource(TegroRateSource):
    """Prices of `tegro_testnet`."""

    domain: ClassVar[str] = "tegro_testnet"


class TegroLocalnetRateSource(TegroRateSource):
    """Prices of `tegro_localnet`."""

    domain: ClassVar[str] = "tegro_localnet"


RATE_SOURCES: dict[str, type[TegroRateSource]] = {
    source.domain: source for source in (TegroRateSource, TegroTestnetRateSource, TegroLocalnetRateSource)
}
"""By the name that `config rate_oracle_source` takes."""


def price_of(ticker: Ticker) -> Decimal | None:
    """Return the price of a market, exact; None where it has none.

    Bid and ask that cross were not read at one moment, so they say nothing about the middle.
    """
    bid, ask = ticker.best_bid, ticker.best_ask
    if bid is not None and ask is not None and 0 < bid <= ask:
        return _WIDE.divide(_WIDE.add(bid, ask), Decimal(2))
    last = ticker.last_price
    return last if last is not None and last > 0 else None
