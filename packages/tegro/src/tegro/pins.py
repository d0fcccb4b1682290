"""What a venue said the first time about its contracts, and what happens when it says something else.

The exchange contract is what an order is signed for and what an allowance is given to; a token's address and decimals
decide what a number in an order is worth. A venue, or whoever stands between, could change them. So they are written
down at first use, per environment, and a change stops signing and approving until the user has confirmed it. What the
settings file states under `[mainnet.pins]` wins over what was written down.

::

    book = pin_book(environment, Path("~/.tegro/pins.json").expanduser())
    for use in book.check_chain(environment, chain) + book.check_market(environment, market):
        print(use)                              # pinned just now
    book.confirm(environment, chain, tokens)    # after a person has looked
"""

import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field, structs

from tegro.errors import SigningRefused
from tegro.model import Chain, Market, Token
from tegro.settings import Environment

LOCK_SECS: Final = 10.0
"""How long another process may hold the file."""

_CONTRACT: Final = "exchange contract"


class PinnedToken(Struct, frozen=True, kw_only=True):
    """A token as the venue first described it."""

    symbol: str
    decimals: int
    is_verified: bool = False
    """Whether the chain said the same decimals."""


class Question(Struct, frozen=True):
    """A change that nobody has confirmed."""

    what: str
    pinned: str
    offered: str


class Pins(Struct, frozen=True, kw_only=True):
    """What is known of one venue on one chain."""

    exchange_contract: str | None = None
    tokens: Mapping[str, PinnedToken] = field(default_factory=dict)
    """By lower-case address."""
    first_seen_ms: int = 0
    """Unix time in milliseconds."""
    questions: tuple[Question, ...] = ()


class FirstUse(Struct, frozen=True):
    """Something that was pinned just now, for the user to look at."""

    venue: str
    what: str
    value: str

    def __str__(self) -> str:
        return f"{self.venue}: from now on the {self.what} is {self.value}"


class PinBook(ABC):
    """The pins of every venue that was used.

    A check is cheap and does no I/O beyond looking whether the file has changed, unless there is something to write.
    Every method raises `SigningRefused` where the book cannot be read or written: then nothing may be signed.
    """

    def __init__(self, *, clock_ms: Callable[[], int] | None = None) -> None:
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)

    def pinned(self, environment: Environment) -> Pins | None:
        """Return what is known of an environment; None before its first use."""
        return self._read().get(_key(environment))

    def check_chain(self, environment: Environment, chain: Chain) -> list[FirstUse]:
        """Compare a chain with what is pinned, and pin it at first use.

        Returns
        -------
        list[FirstUse]
            What was pinned just now, for the user to see; empty after the first time.

        Raises
        ------
        SigningRefused
            If it is another chain than the environment's, if its exchange contract is not the pinned one, or if any
            change of this environment still waits for `confirm`, whatever the venue says now. The sentence names both
            values and the command that confirms.
        """
        _require_chain(environment, chain)
        return self._check(environment, lambda pins: _with_contract(pins, environment, chain))

    def check_token(self, environment: Environment, token: Token) -> list[FirstUse]:
        """Compare a token with what is pinned, and pin it at first use.

        A symbol that was pinned at another address is a change too. Otherwise as `check_chain`.
        """
        _require_token(environment, token)
        return self._check(environment, lambda pins: _with_token(pins, environment, token))

    def check_market(self, environment: Environment, market: Market) -> list[FirstUse]:
        """Compare a market's chain and both of its tokens; as `check_token`.

        The symbol of the market must be made of those of its tokens (protocol 4.2): a person chooses a market by it,
        so it may not stand for other tokens than they think.
        """
        _require_chain_id(environment, market.chain_id)
        if market.symbol != f"{market.base.symbol}_{market.quote.symbol}":
            raise SigningRefused(
                f"the venue calls a market {market.symbol!r}, but its tokens {market.base.symbol!r} and "
                f"{market.quote.symbol!r}; nothing is signed for a market under a wrong name"
            )
        return self.check_token(environment, market.base) + self.check_token(environment, market.quote)

    def unverified(self, environment: Environment, tokens: Iterable[Token]) -> list[Token]:
        """Return those of some tokens whose decimals must still be read from the chain.

        That is none that the settings fix, and none that `mark_verified` was told of.
        """
        pins = self.pinned(environment) or Pins()
        return [
            token
            for token in tokens
            if token.address not in environment.pins.tokens
            and not ((known := pins.tokens.get(token.address)) and known.is_verified)
        ]

    def mark_verified(self, environment: Environment, tokens: Iterable[Token]) -> None:
        """Write down that the chain has said the same decimals as the venue; a token that is not pinned is left out."""
        with self._changing() as venues:
            pins = venues.get(_key(environment)) or Pins(first_seen_ms=self._clock_ms())
            verified = {
                token.address: structs.replace(known, is_verified=True)
                for token in tokens
                if (known := pins.tokens.get(token.address)) and known.decimals == token.decimals
            }
            venues[_key(environment)] = structs.replace(pins, tokens={**pins.tokens, **verified})

    def confirm(self, environment: Environment, chain: Chain, tokens: Iterable[Token] = ()) -> None:
        """Pin these values in place of the old ones and end every question of this environment.

        Call it with exactly what a person was shown and said yes to. May be repeated.

        Raises
        ------
        SigningRefused
            If it is another chain than the environment's, or the settings state something else: mend those instead.
        """
        given = tuple(tokens)
        _require_chain(environment, chain)
        for token in given:
            _require_token(environment, token)
        new = {token.address: PinnedToken(symbol=token.symbol, decimals=token.decimals) for token in given}
        with self._changing() as venues:
            pins = venues.get(_key(environment)) or Pins(first_seen_ms=self._clock_ms())
            # A token that stays as it was also stays verified.
            kept = {
                address: known
                for address, known in pins.tokens.items()
                if address not in new or (known.symbol, known.decimals) == (new[address].symbol, new[address].decimals)
            }
            venues[_key(environment)] = structs.replace(
                pins, exchange_contract=chain.exchange_contract, tokens=new | kept, questions=()
            )

    def _check(self, environment: Environment, judge: Callable[[Pins], tuple[Pins, list[FirstUse]]]) -> list[FirstUse]:
        key = _key(environment)
        before = self._read().get(key) or Pins()
        pins, uses = judge(before)
        if pins is not before:
            with self._changing() as venues:  # another process may have been first
                pins, uses = judge(venues.get(key) or Pins(first_seen_ms=self._clock_ms()))
                venues[key] = pins
        _require_no_question(environment, pins)
        return uses

    @abstractmethod
    def _read(self) -> Mapping[str, Pins]:
        """Return the pins of every venue."""

    @abstractmethod
    def _changing(self) -> AbstractContextManager[dict[str, Pins]]:
        """Give the pins of every venue as they are now, with nobody else changing them, and keep the changes."""


class MemoryPins(PinBook):
    """Pins that end with the process: for localnet, whose contracts are new with each start, and for tests."""

    def __init__(self, *, clock_ms: Callable[[], int] | None = None) -> None:
        super().__init__(clock_ms=clock_ms)
        self._venues: dict[str, Pins] = {}

    def _read(self) -> Mapping[str, Pins]:
        return self._venues

    def _changing(self) -> AbstractContextManager[dict[str, Pins]]:
        return nullcontext(self._venues)


class FilePins(PinBook):
    """Pins in one JSON file, which only its owner may read.

    The file is replaced in one step, under a lock that other processes respect, so two of them never lose each other's
    pins and a crash leaves the old file or the new one.

    Parameters
    ----------
    path
        The file; it and its folder are made at first use. A lock file lies beside it.
    clock_ms
        Unix time in milliseconds; None means that of the machine.
    lock_timeout_secs
        How long to wait for another process that writes.
    """

    def __init__(
        self, path: Path, *, clock_ms: Callable[[], int] | None = None, lock_timeout_secs: float = LOCK_SECS
    ) -> None:
        super().__init__(clock_ms=clock_ms)
        self._path = path
        self._lock_timeout_secs = lock_timeout_secs
        self._venues: dict[str, Pins] = {}
        self._seen: tuple[int, int, int] | None = None

    def _read(self) -> dict[str, Pins]:
        try:
            stat = self._path.stat()
            state = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if state != self._seen:
                self._venues = msgspec.json.decode(self._path.read_bytes(), type=dict[str, Pins])
                self._seen = state
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            raise SigningRefused(
                f"the pin file {self._path} cannot be read ({error}); nothing is signed until it is mended, or removed "
                "by somebody who has checked the venue's contracts"
            ) from None
        return self._venues

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Pins]]:
        from filelock import FileLock, Timeout

        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=self._lock_timeout_secs, mode=0o600):
                venues = dict(self._read())
                yield venues
                _replace(self._path, msgspec.json.format(msgspec.json.encode(venues), indent=2))
        except (OSError, Timeout) as error:
            raise SigningRefused(
                f"the pin file {self._path} cannot be written ({error}); nothing is signed until it can be"
            ) from None


def pin_book(environment: Environment, path: Path) -> PinBook:
    """Return where the pins of an environment are kept: the file, but the memory for localnet."""
    return MemoryPins() if environment.name == "localnet" else FilePins(path)


def _key(environment: Environment) -> str:
    return _key_of(environment.name, environment.chain_id, environment.rest_url)


@lru_cache(maxsize=64)
def _key_of(name: str, chain_id: int, rest_url: str) -> str:
    """Return the name, the chain and the REST origin, without anything secret that an address may carry."""
    parts = urlsplit(rest_url)
    host = parts.hostname or ""
    origin = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{parts.port}' if parts.port else ''}"
    return f"{name} {chain_id} {origin}"


def _venue(environment: Environment) -> str:
    return f"{environment.name} (chain {environment.chain_id})"


def _require_chain_id(environment: Environment, chain_id: int) -> None:
    if chain_id != environment.chain_id:
        raise SigningRefused(
            f"{environment.name} is on chain {environment.chain_id}, but the venue offers chain {chain_id}; "
            "nothing is signed for another chain"
        )


def _require_chain(environment: Environment, chain: Chain) -> None:
    _require_chain_id(environment, chain.id)
    fixed = environment.pins.exchange_contract
    if fixed is not None:
        _require_as_set(environment, _CONTRACT, fixed, chain.exchange_contract)


def _require_token(environment: Environment, token: Token) -> None:
    fixed = environment.pins.tokens.get(token.address)
    if fixed is not None:
        _require_as_set(environment, f"number of decimals of the token {token.address}", fixed, token.decimals)


def _require_as_set(environment: Environment, what: str, fixed: str | int, offered: str | int) -> None:
    if offered != fixed:
        raise SigningRefused(
            f"the venue says that the {what} of {_venue(environment)} is {offered}, but the settings say {fixed} under "
            f"[{environment.name}.pins]; nothing is signed until they agree"
        )


def _with_contract(pins: Pins, environment: Environment, chain: Chain) -> tuple[Pins, list[FirstUse]]:
    offered, known = chain.exchange_contract, pins.exchange_contract
    if known is None:
        return structs.replace(pins, exchange_contract=offered), [FirstUse(_venue(environment), _CONTRACT, offered)]
    if known == offered:
        return pins, []
    if environment.pins.exchange_contract is not None:  # it equals what is offered, and wins over what was pinned
        return structs.replace(pins, exchange_contract=offered), []
    return _with_question(pins, _CONTRACT, known, offered), []


def _with_token(pins: Pins, environment: Environment, token: Token) -> tuple[Pins, list[FirstUse]]:
    known = pins.tokens.get(token.address)
    what = f"token at {token.address}"
    if known is not None:
        # Decimals that the settings fix win over the pinned ones; what a token is called is for the pin alone to say.
        decimals = environment.pins.tokens.get(token.address, known.decimals)
        if (known.symbol, decimals) == (token.symbol, token.decimals):
            return pins, []
        return _with_question(pins, what, _described(known.symbol, decimals), _describe(token)), []
    namesake = next((address for address, each in pins.tokens.items() if each.symbol == token.symbol), None)
    if namesake is not None:
        return _with_question(pins, f"token {token.symbol[:40]!r}", namesake, token.address), []
    pinned = PinnedToken(symbol=token.symbol, decimals=token.decimals)
    use = FirstUse(_venue(environment), what, _describe(token))
    return structs.replace(pins, tokens={**pins.tokens, token.address: pinned}), [use]


def _describe(token: Token) -> str:
    return _described(token.symbol, token.decimals)


def _described(symbol: str, decimals: int) -> str:
    return f"{symbol[:40]!r} with {decimals} decimals"  # quoted: a venue could put control characters into a symbol


def _with_question(pins: Pins, what: str, known: str, offered: str) -> Pins:
    question = Question(what, known, offered)
    if question in pins.questions:
        return pins
    return structs.replace(pins, questions=(*pins.questions, question))


def _require_no_question(environment: Environment, pins: Pins) -> None:
    if pins.questions:
        first = pins.questions[0]
        raise SigningRefused(
            f"the venue named {first.offered} as the {first.what} of {_venue(environment)}, but it was {first.pinned} "
            f"at first use; nothing is signed or approved until you have found out why and run "
            f"`tegro pins confirm --env {environment.name}`"
        )


def _replace(path: Path, content: bytes) -> None:
    """Put a new file, readable by its owner alone, in the place of an old one in one step."""
    handle, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
