"""What wallets hold on chain, what the exchange may move, and what their orders and unsettled fills need of it.

Tokens never leave a wallet before settlement, so the venue keeps a mirror of the chain and a list of reservations. The
mirror may fall below the reservations at any time, because the owner may move the tokens; that is not an error here.
"""

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct


class Lack(StrEnum):
    """What a wallet has too little of."""

    FUNDS = "funds"
    ALLOWANCE = "allowance"


class Holding(Struct, gc=False):
    """One wallet's position in one token, all in the token's smallest unit."""

    balance_wei: int = 0
    allowance_wei: int = 0
    reserved_wei: int = 0

    def lack_of(self, amount_wei: int) -> Lack | None:
        """Say what is missing for one amount alone, whatever else is reserved; None where nothing is."""
        if self.balance_wei < amount_wei:
            return Lack.FUNDS
        return Lack.ALLOWANCE if self.allowance_wei < amount_wei else None


class _Reservation(Struct, gc=False):
    holding: Holding
    amount_wei: int


class _Holdings(dict[tuple[str, str], Holding]):
    """By wallet and token; zeros where nothing is known."""

    def __missing__(self, pair: tuple[str, str]) -> Holding:
        holding = self[pair] = Holding()
        return holding


class Ledger:
    """Holdings by wallet and token (lower-case addresses), and reservations by a key of the caller's choice."""

    def __init__(self) -> None:
        self._holdings = _Holdings()
        self._reservations: dict[str, _Reservation] = {}
        self._mirrored: dict[tuple[str, str], None] = {}

    def is_mirrored(self, wallet: str, token: str) -> bool:
        """Say whether the chain's state of this pair was ever read."""
        return (wallet, token) in self._mirrored

    def wallets(self) -> list[str]:
        """Return every wallet of which anything is known, each once, in the order in which they came."""
        return list(dict.fromkeys(wallet for wallet, _ in self._holdings))

    def mirrored(self) -> Iterator[tuple[tuple[str, str], Holding]]:
        """Yield (wallet, token) and position of every pair whose state on chain was ever read."""
        return ((pair, self._holdings[pair]) for pair in self._mirrored)

    def mirror(self, wallet: str, token: str, balance_wei: int, allowance_wei: int) -> bool:
        """Take over what the chain says; returns whether the balance or the allowance fell."""
        holding = self._holdings[wallet, token]
        fell = balance_wei < holding.balance_wei or allowance_wei < holding.allowance_wei
        holding.balance_wei = balance_wei
        holding.allowance_wei = allowance_wei
        self._mirrored[wallet, token] = None
        return fell

    def holding(self, wallet: str, token: str) -> Holding:
        """Return the position; zeros where nothing is known. The value is live: do not change it."""
        return self._holdings[wallet, token]

    def lack_for(self, wallet: str, token: str, amount_wei: int) -> Lack | None:
        """Say what is missing to reserve a further amount beside all that is reserved; None where nothing is."""
        holding = self._holdings[wallet, token]
        needed_wei = holding.reserved_wei + amount_wei
        # Said here because it is what nearly every order finds.
        if holding.balance_wei >= needed_wei and holding.allowance_wei >= needed_wei:
            return None
        return holding.lack_of(needed_wei)

    def reserve(self, key: str, wallet: str, token: str, amount_wei: int) -> None:
        """Set the reservation of a key to an amount. Repeating it changes nothing; zero releases.

        Raises
        ------
        ValueError
            If the amount is negative.
        """
        if amount_wei < 0:
            message = f"a reservation cannot be negative, was {amount_wei}"
            raise ValueError(message)
        if amount_wei == 0:
            self.release(key)
            return
        holding = self._holdings[wallet, token]
        reservation = self._reservations.get(key)
        if reservation is None:
            self._reservations[key] = _Reservation(holding, amount_wei)
            holding.reserved_wei += amount_wei
            return
        reservation.holding.reserved_wei -= reservation.amount_wei
        holding.reserved_wei += amount_wei
        reservation.holding, reservation.amount_wei = holding, amount_wei

    def release(self, key: str) -> int:
        """End the reservation of a key and return its amount; zero where there is none."""
        reservation = self._reservations.pop(key, None)
        if reservation is None:
            return 0
        reservation.holding.reserved_wei -= reservation.amount_wei
        return reservation.amount_wei
