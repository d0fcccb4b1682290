"""The perpetual venue without its doors: engine, keys, tapes, streams, and the clock that drives them."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

from tegro_localnet.faults import FaultBoard
from tegro_localnet.latency import LatencyRules
from tegro_localnet.perpetual.api_keys import Credentials, KeyRing
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.commands import Command, OpenAccount, Tick, Transfer
from tegro_localnet.perpetual.engine.engine import PerpetualEngine
from tegro_localnet.perpetual.engine.events import Event, LevelChanged, Repriced, Traded
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.gateway.feeds import Feeds
from tegro_localnet.perpetual.gateway.hub import StreamHub
from tegro_localnet.perpetual.tape import MarketTape

_PULSE_SECS: Final = 0.05
_TICK_MS: Final = 1_000


class PerpetualVenue:
    """A perpetual venue in this process.

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
    """

    def __init__(
        self,
        config: PerpetualConfig,
        clock_ms: Callable[[], int],
        rng: random.Random,
        faults: FaultBoard | None = None,
        latency: LatencyRules | None = None,
    ) -> None:
        self.clock_ms: Final = clock_ms
        self.config: Final = config
        self.engine: Final = PerpetualEngine(
            contracts=config.contracts, terms=config.funding, now_ms=clock_ms(), listener=self._hear
        )
        self.keys: Final = KeyRing(rng)
        self.tapes: Final = {symbol: MarketTape(market) for symbol, market in self.state.markets.items()}
        self.hub: Final = StreamHub(faults, latency, self.keys.owners_of)
        self.feeds: Final = Feeds(self.hub, self.state.markets, self.tapes, self.keys.listen_key_of)
        self._ticked_ms = 0

    @property
    def state(self) -> VenueState:
        """What the engine knows; to be read only."""
        return self.engine.state

    def apply(self, command: Command) -> Any:  # noqa: ANN401 - each command says what it returns
        """Carry out a command now. Raises `Rejected` where the venue refuses it."""
        return self.engine.apply(command, self.clock_ms())

    def open_account(self, deposit_e8: int) -> Credentials:
        """Make an account with some USDT and a key to it."""
        account_id = self.apply(OpenAccount())
        if deposit_e8:
            self.apply(Transfer(account_id=account_id, amount_e8=deposit_e8))
        return self.keys.issue(account_id)

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
        if now_ms - self._ticked_ms >= _TICK_MS:
            self._ticked_ms = now_ms
            self.apply(Tick())
            for listen_key in self.keys.expire(now_ms):
                self.hub.publish(listen_key, {"e": "listenKeyExpired", "E": now_ms, "listenKey": listen_key})
                # No client handles the event; all of them come back after a close.
                self.hub.close(listen_key)
        self.feeds.pulse(now_ms)

    def _hear(self, event: Event) -> None:
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
