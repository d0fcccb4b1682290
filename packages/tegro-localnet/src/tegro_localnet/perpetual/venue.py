"""The perpetual venue without its doors: engine, keys, tapes, streams, and the clock that drives them."""

import asyncio
import random
import zlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tegro_localnet.faults import FaultBoard
from tegro_localnet.latency import LatencyRules
from tegro_localnet.perpetual.api_keys import LISTEN_KEY_MS, Credentials, KeyRing
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.commands import OpenAccount, Tick, Transfer
from tegro_localnet.perpetual.engine.engine import PerpetualEngine
from tegro_localnet.perpetual.engine.events import Event, LevelChanged, Repriced, Traded
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.gateway.feeds import Feeds
from tegro_localnet.perpetual.gateway.hub import StreamHub
from tegro_localnet.perpetual.steps import (
    Command,
    Entry,
    KeyIssued,
    ListenKeyEnded,
    ListenKeySet,
    Outcome,
    RoleGiven,
)
from tegro_localnet.perpetual.tape import MarketTape

_PULSE_SECS: Final = 0.05
_TICK_MS: Final = 1_000


class PerpetualVenue:
    """A perpetual venue in this process. Every change of it is a command, carried out by `apply` at one time.

    Parameters
    ----------
    config
        What is traded and how it is funded.
    clock_ms
        The time in Unix milliseconds.
    rng
        Draws the API keys.
    faults
        What goes wrong with frames of the streams; None: nothing.
    latency
        How long frames take; None: they go at once.
    start_ms
        When its life began, in Unix milliseconds; None: now.

    Attributes
    ----------
    engine : PerpetualEngine
        Accounts, orders, positions.
    keys : KeyRing
        API keys and listen keys.
    tapes : dict of str to MarketTape
        Candles and update counts by symbol.
    hub : StreamHub
        Who follows which stream.
    feeds : Feeds
        What the streams say.
    roles : dict of str to int
        Accounts of parts of localnet, by what they are for.
    count : int
        How many steps there were in its life.
    """

    def __init__(
        self,
        config: PerpetualConfig,
        clock_ms: Callable[[], int],
        rng: random.Random,
        faults: FaultBoard | None = None,
        latency: LatencyRules | None = None,
        *,
        start_ms: int | None = None,
    ) -> None:
        self.clock_ms: Final = clock_ms
        self.config: Final = config
        self.engine: Final = PerpetualEngine(
            contracts=config.contracts,
            terms=config.funding,
            now_ms=clock_ms() if start_ms is None else start_ms,
            listener=self._hear,
        )
        self.keys: Final = KeyRing(rng)
        self.tapes: Final = {symbol: MarketTape(market) for symbol, market in self.state.markets.items()}
        self.hub: Final = StreamHub(faults, latency, self.keys.owners_of)
        self.feeds: Final = Feeds(self.hub, self.state.markets, self.tapes, self.keys.listen_key_of)
        self.roles: Final[dict[str, int]] = {}
        self.count = 0
        self._ticked_ms = 0
        self._write: Callable[[Entry], None] | None = None
        self._told: list[Event] | None = None
        """The events of the present step, where somebody wants to know them."""

    @property
    def state(self) -> VenueState:
        """What the engine knows; to be read only."""
        return self.engine.state

    def write_to(self, write: Callable[[Entry], None]) -> None:
        """Hand each step to `write` from now on, before anybody hears of it. What that raises ends the request."""
        self._write = write

    def apply(self, command: Command) -> Any:  # noqa: ANN401 - each command says what it returns
        """Carry out a command now. Raises `Rejected` where the venue refuses it."""
        at_ms = self.clock_ms()
        if self._write is None:
            self.count += 1
            return self._carry_out(command, at_ms)
        result, outcome = self._traced(command, at_ms)
        self._write(Entry(at_ms=at_ms, command=command, outcome=outcome))
        if isinstance(result, Rejected):
            raise result
        return result

    def run_again(self, entry: Entry) -> Outcome:
        """Do a step that was written before, at its time, and return what came of it now. It is not written."""
        return self._traced(entry.command, entry.at_ms)[1]

    def open_account(self, deposit_e8: int) -> Credentials:
        """Make an account with some USDT and a key to it."""
        account_id = self.apply(OpenAccount())
        if deposit_e8:
            self.apply(Transfer(account_id=account_id, amount_e8=deposit_e8))
        credentials = Credentials(self.keys.draw(), self.keys.draw(), account_id)
        self.apply(
            KeyIssued(account_id=account_id, api_key=credentials.api_key, api_secret=credentials.api_secret),
        )
        return credentials

    def listen(self, account_id: int) -> str:
        """Return the account's listen key, a new one or the active one, good for another hour."""
        listen_key = self.keys.listen_key_of(account_id) or self.keys.draw()
        end_ms = self.clock_ms() + LISTEN_KEY_MS
        self.apply(ListenKeySet(account_id=account_id, listen_key=listen_key, end_ms=end_ms))
        return listen_key

    def stop_listening(self, account_id: int) -> None:
        """Forget the active listen key of an account and end its streams, or refuse where there is none."""
        listen_key = self.keys.require_listen_key(account_id)
        self.apply(ListenKeyEnded(listen_key=listen_key))
        self.hub.close(listen_key)

    def account_for(self, role: str, deposit_e8: int) -> tuple[int, bool]:
        """Return the account of a part of localnet, and whether it was made just now, with that deposit."""
        if role in self.roles:
            return self.roles[role], False
        account_id: int = self.apply(OpenAccount())
        self.apply(Transfer(account_id=account_id, amount_e8=deposit_e8))
        self.apply(RoleGiven(role=role, account_id=account_id))
        return account_id, True

    def account(self, credentials: Credentials) -> Account:
        """Return the account of a key."""
        return self.state.accounts[credentials.account_id]

    async def run(self) -> None:
        """Let time pass until cancelled."""
        while True:
            self.pulse()
            await asyncio.sleep(_PULSE_SECS)

    def pulse(self) -> None:
        """Do everything that is due now."""
        now_ms = self.clock_ms()
        # Below zero: the clock was set back, and funding must not wait until it has caught up.
        if not 0 <= now_ms - self._ticked_ms < _TICK_MS:
            self._ticked_ms = now_ms
            self.apply(Tick())
        self.feeds.pulse(now_ms)

    def _traced(self, command: Command, at_ms: int) -> tuple[Any, Outcome]:
        """Carry out a command; return what it returned, or its refusal, and what came of it."""
        told = self._told = []
        refusal = 0
        try:
            self.count += 1
            result = self._carry_out(command, at_ms)
        except Rejected as rejected:
            result, refusal = rejected, rejected.code
        finally:
            self._told = None
        checksum = zlib.crc32(msgspec.json.encode(told))
        return result, Outcome(refusal=refusal, events=len(told), checksum=checksum)

    def _carry_out(self, command: Command, at_ms: int) -> Any:  # noqa: ANN401 - each command says what it returns
        match command:
            case KeyIssued():
                return self.keys.add(Credentials(command.api_key, command.api_secret, command.account_id))
            case ListenKeySet():
                return self.keys.listen(command.listen_key, command.account_id, command.end_ms)
            case ListenKeyEnded():
                return self.keys.stop_listening(command.listen_key)
            case RoleGiven():
                self.roles[command.role] = command.account_id
                return None
        result = self.engine.apply(command, at_ms)
        if isinstance(command, Tick):
            self._end_listening(at_ms)
        return result

    def _end_listening(self, now_ms: int) -> None:
        for listen_key in self.keys.expire(now_ms):
            self.hub.publish(listen_key, {"e": "listenKeyExpired", "E": now_ms, "listenKey": listen_key})
            # No client handles the event; all of them come back after a close.
            self.hub.close(listen_key)

    def _hear(self, event: Event) -> None:
        if self._told is not None:
            self._told.append(event)
        match event:
            case Traded(trade):
                self.tapes[trade.symbol].record_trade(trade)
            case LevelChanged():
                self.tapes[event.symbol].update_id += 1
            case Repriced():
                self.tapes[event.symbol].record_prices(event.time_ms)
            case _:
                pass
        self.feeds.tell(event, self.state.now_ms)
