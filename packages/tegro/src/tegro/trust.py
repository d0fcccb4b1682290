"""What must hold of a venue before something is signed for it or approved to it: its pins, and the chain's word."""

from collections.abc import Callable, Iterable

from tegro.errors import SigningRefused
from tegro.evm import EvmNode, Reverted
from tegro.model import Chain, Market, Token
from tegro.pins import FirstUse, PinBook, Pins
from tegro.settings import Environment


async def verify_decimals(tokens: Iterable[Token], node: EvmNode) -> None:
    """Compare the decimals of tokens with what their contracts say.

    Raises
    ------
    SigningRefused
        If they differ, or a contract does not say.
    ChainFailure
        If the node does not answer, or is on another chain.
    """
    for token in tokens:
        try:
            on_chain = await node.decimals(token.address)
        except Reverted:
            raise SigningRefused(
                f"the token {token.address} ({token.symbol!r}) does not say its decimals on the chain; state them in "
                "the settings under [pins] tokens if you are sure of them"
            ) from None
        if on_chain != token.decimals:
            raise SigningRefused(
                f"the venue says that the token {token.address} ({token.symbol!r}) has {token.decimals} decimals, but "
                f"on the chain it has {on_chain}; nothing was signed"
            )


class Trust:
    """Everything that must hold of a venue before something is signed for it or approved to it.

    Parameters
    ----------
    environment
        The venue.
    pins
        What it said before.
    node
        Where decimals are read; None where no node is known, then they are only pinned.
    on_first_use
        Told of everything that is pinned for the first time, so that the user sees it.
    """

    def __init__(
        self, environment: Environment, pins: PinBook, node: EvmNode | None, on_first_use: Callable[[FirstUse], None]
    ) -> None:
        self._environment = environment
        self._pins = pins
        self._node = node
        self._on_first_use = on_first_use
        self._passed: dict[str, tuple[Market, Pins]] = {}

    def require_chain(self, chain: Chain) -> None:
        """Refuse a chain that is not the pinned one; errors as in `PinBook.check_chain`."""
        self._report(self._pins.check_chain(self._environment, chain))

    def still_holds(self, chain: Chain) -> bool:
        """Return whether a chain that passed before is still the pinned one, with nothing in question.

        Where it is not, somebody has confirmed another or another process has seen a change: ask the venue again, and
        hold its new word to `require_chain`. The old word must not be, since it would be taken for a change.
        """
        pins = self._pins.pinned(self._environment)
        return pins is not None and not pins.questions and pins.exchange_contract == chain.exchange_contract

    def pinned_contract(self) -> str | None:
        """Return the exchange contract that the settings fix or that was pinned; None if there is none yet."""
        pins = self._pins.pinned(self._environment)
        return self._environment.pins.exchange_contract or (pins.exchange_contract if pins is not None else None)

    async def require_market(self, market: Market) -> None:
        """Refuse a market on another chain, or with tokens that are not the pinned ones or not those of the chain.

        Only the first call for a token asks the node. Errors as in `PinBook.check_token` and `verify_decimals`.
        """
        pins = self._pins.pinned(self._environment)
        passed = self._passed.get(market.id)
        if passed is not None and passed[0] is market and passed[1] is pins:
            return  # this very market was held to these very pins before
        self._report(self._pins.check_market(self._environment, market))
        await self._verify((market.base, market.quote))
        pins = self._pins.pinned(self._environment)
        if pins is not None:
            self._passed[market.id] = (market, pins)

    async def require_tokens(self, tokens: Iterable[Token]) -> None:
        """Refuse tokens that are not the pinned ones; as `require_market`."""
        given = tuple(tokens)
        for token in given:
            self._report(self._pins.check_token(self._environment, token))
        await self._verify(given)

    def _report(self, uses: Iterable[FirstUse]) -> None:
        for use in uses:
            self._on_first_use(use)

    async def _verify(self, tokens: Iterable[Token]) -> None:
        if self._node is None:
            return
        unverified = self._pins.unverified(self._environment, tokens)
        if unverified:
            await verify_decimals(unverified, self._node)
            self._pins.mark_verified(self._environment, unverified)
