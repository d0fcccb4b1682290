"""The connector's one door to `tegro.perpetual`: the client and its lifetime, and what each Hummingbot pair means."""

from collections.abc import Iterable

from hummingbot.connector.utils import combine_to_hb_trading_pair

from hummingbot_tegro.common.client_link import ClientLink
from tegro.errors import InvalidInput
from tegro.perpetual import ApiKey, AsyncPerpetual, Contract, PerpetualEnvironment


class PerpetualLink(ClientLink[AsyncPerpetual]):
    """The client of one account, and the contracts by Hummingbot pair.

    Parameters
    ----------
    environment
        The venue.
    api_key
        The account; None for an instance that only reads public data.
    """

    def __init__(self, environment: PerpetualEnvironment, *, api_key: ApiKey | None) -> None:
        super().__init__()
        self.environment = environment
        self._api_key = api_key
        self._contracts: dict[str, Contract] = {}
        self._pairs: dict[str, str] = {}
        self._unlisted: set[str] = set()

    def _running_client(self) -> AsyncPerpetual:
        return AsyncPerpetual(self.environment, api_key=self._api_key)

    def _short_client(self) -> AsyncPerpetual:
        return self._running_client()

    @property
    def has_account(self) -> bool:
        """Whether there is a key to sign with."""
        return self._api_key is not None

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
        await self._learn_once(lambda: trading_pair in self._contracts, self._read_contracts)
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
        if symbol not in self._unlisted:
            await self._learn_once(lambda: symbol in self._pairs, self._read_contracts)
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
