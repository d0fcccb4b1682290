"""Test tokens and gas for anyone who asks: localnet's faucet."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tegro.model import Token, scaled
from tegro_localnet.chain.tokens import Faucet
from tegro_localnet.chain_mirror import ChainMirror

NATIVE_DECIMALS: Final = 18
DEFAULT_NATIVE: Final = Decimal(1)
_LARGEST: Final = Decimal(10) ** 15


class Funding:
    """Mints tokens and sends native coins, then makes the venue see them."""

    def __init__(
        self, faucet: Faucet, mirror: ChainMirror, tokens: Mapping[str, Token], defaults: Mapping[str, Decimal]
    ) -> None:
        self._faucet = faucet
        self._mirror = mirror
        self._tokens = tokens
        self._defaults = defaults

    def default_amounts(self) -> dict[str, Decimal]:
        """Return what a wallet gets that asks for nothing in particular."""
        return dict(self._defaults)

    async def fund(self, wallet: str, amounts: Mapping[str, Decimal], native: Decimal) -> dict[str, Decimal]:
        """Give a wallet tokens and native coins; returns what it got. Each repetition gives as much again.

        Parameters
        ----------
        wallet : str
            Lower-case address.
        amounts : mapping of str to Decimal
            Human units by symbol.
        native : Decimal
            Coins for gas.

        Raises
        ------
        ValueError
            If a symbol is unknown or an amount is negative, absurd, or finer than its token.
        """
        mints = [(self._token(symbol), _checked(amount, symbol)) for symbol, amount in amounts.items()]
        native_wei = scaled(_checked(native, "native"), NATIVE_DECIMALS, "native")
        in_wei = [(token.address, token.to_wei(amount)) for token, amount in mints if amount > 0]
        await asyncio.gather(
            *(self._faucet.mint(address, wallet, amount_wei) for address, amount_wei in in_wei),
            *([self._faucet.send_native(wallet, native_wei)] if native_wei else []),
        )
        await self._mirror.catch_up()
        # Known from now on, so that localnet's page shows the wallet before it has traded.
        await self._mirror.ensure(wallet, [token.address for token, _ in mints])
        return {token.symbol: amount for token, amount in mints}

    def _token(self, symbol: str) -> Token:
        token = self._tokens.get(symbol)
        if token is None:
            message = f"unknown token {symbol[:80]!r}: there are {', '.join(self._tokens)}"
            raise ValueError(message)
        return token


def _checked(amount: Decimal, symbol: str) -> Decimal:
    if not amount.is_finite() or not 0 <= amount <= _LARGEST:
        message = f"the amount of {symbol} must be between 0 and {_LARGEST:f}"
        raise ValueError(message)
    return amount
