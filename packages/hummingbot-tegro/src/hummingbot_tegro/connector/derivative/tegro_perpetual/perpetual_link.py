"""The connector's one door to `tegro.perpetual`: the client and its lifetime, and what each Hummingbot pair means."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from hummingbot.connector.utils import combine_to_hb_trading_pair

from tegro.errors import InvalidInput
from tegro.perpetual import ApiKey, AsyncPerpetual, Contract, PerpetualEnvironment


class PerpetualLink:
    """A client that is opened when it is first needed and closed with the network.

    Hummingbot also makes connectors that it never starts or stops, to test keys or to list markets. They use
    `borrowed`, which leaves nothing open behind.

    Parameters
    ----------
    environment
        The venue.
    api_key
        The account; None for an instance that only reads public data.
    """

    def __init__(self, environment: PerpetualEnvironment, *, api_key: ApiKey | None) -> None:
        self.environment = environment
        self._api_key = api_key
        self._client: AsyncPerpetual | None = None
        self._learning = asyncio.Lock()
        self._contracts: dict[str, Contract] = {}
        self._pairs: dict[str, str] = {}
        self._unlisted: set[str] = set()

    @property
    def client(self) -> AsyncPerpetual:
        """The client of the running network, opened where it is not."""
        if self._client is None:
            self._client = AsyncPerpetual(self.environment, api_key=self._api_key)
        return self._client

    @property
    def is_open(self) -> bool:
        """Whether the network runs, so that its client can be used."""
        return self._client is not None

    @property
    def has_account(self) -> bool:
        """Whether there is a key to sign with."""
        return self._api_key is not None

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[AsyncPerpetual]:
        """Lend the client of the running network, or one for this block only where the network does not run."""
        if self._client is not None:
            yield self._client
            return
        async with AsyncPerpetual(self.environment, api_key=self._api_key) as client:
            yield client

    async def close(self) -> None:
        """Close the client. May be repeated; the next use of `client` opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def learn(self, contracts: Iterable[Contract]) -> dict[str, Contract]:
        """Take in the venue's list and return what trades by Hummingbot pair."""
        trading = [contract for contract in contracts if contract.is_trading]
        self._contracts = {combine_to_hb_trading_pair(each.base, each.quote): each for each in trading}
        self._pairs = {contract.symbol: pair for pair, contract in self._contracts.items()}
        return self._contracts

    async def contract(self, trading_pair: str) -> Contract:
        """Return the contract of a Hummingbot pair.

        Raises
        ------
        InvalidInput
            If the venue has no such contract.
        TegroError
            If the venue cannot be asked.
        """
        if trading_pair not in self._contracts:
            async with self._learning:
                # Many ask at the start; one list answers all of them.
                if trading_pair not in self._contracts:
                    await self._read_contracts()
        try:
            return self._contracts[trading_pair]
        except KeyError:
            raise InvalidInput(
                f"{self.environment.host} has no perpetual contract {trading_pair}; use one that "
                f"'tegro perp contracts --env {self.environment.name}' lists"
            ) from None

    async def find_pair(self, symbol: str) -> str | None:
        """Return the Hummingbot pair of a contract, looked up once where it is not known; None if it does not trade.

        Raises
        ------
        TegroError
            If the venue cannot be asked.
        """
        if symbol not in self._pairs and symbol not in self._unlisted:
            async with self._learning:
                if symbol not in self._pairs:
                    await self._read_contracts()
                if symbol not in self._pairs:
                    self._unlisted.add(symbol)
        return self.pair_of(symbol)

    async def _read_contracts(self) -> None:
        async with self.borrowed() as client:
            self.learn(await client.contracts(refresh=bool(self._contracts)))

    def symbol_of(self, trading_pair: str) -> str | None:
        """Return the venue's name of a pair's contract; None if it is not known yet."""
        contract = self._contracts.get(trading_pair)
        return None if contract is None else contract.symbol

    def pair_of(self, symbol: str) -> str | None:
        """Return the Hummingbot pair of a contract; None if that contract is not known here."""
        return self._pairs.get(symbol)
