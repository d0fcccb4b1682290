"""The venue as one object: it takes commands with their time and tells events."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from tegro_localnet.perpetual.engine import commands
from tegro_localnet.perpetual.engine.account_settings import AccountSettings
from tegro_localnet.perpetual.engine.clockwork import Clockwork
from tegro_localnet.perpetual.engine.contract import DEFAULT_CONTRACTS, Contract
from tegro_localnet.perpetual.engine.events import Event
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.liquidation import Liquidator
from tegro_localnet.perpetual.engine.matching import Matcher
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.trading import Trading


class PerpetualEngine:
    """A perpetual venue. The same commands at the same times always give the same events.

    Parameters
    ----------
    contracts
        What is traded.
    terms
        How all contracts are funded at first.
    now_ms
        Unix milliseconds.
    listener
        Takes the events of a command, in order, once the command is complete: whoever reads the state then sees at
        least what the event says.

    Attributes
    ----------
    state : VenueState
        Everything the venue knows; to be read only.
    """

    def __init__(
        self,
        *,
        contracts: Sequence[Contract] = DEFAULT_CONTRACTS,
        terms: FundingTerms | None = None,
        now_ms: int,
        listener: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._events: list[Event] = []
        self._listener = listener
        self.state: Final = VenueState(contracts, terms or FundingTerms(), now_ms, self._events.append)
        matcher = Matcher(self.state)
        trading = Trading(self.state, matcher)
        accounts = AccountSettings(self.state)
        clockwork = Clockwork(self.state, trading, Liquidator(self.state, matcher))
        self._handlers: dict[type, Callable[[Any], Any]] = {
            commands.OpenAccount: accounts.open,
            commands.Transfer: accounts.transfer,
            commands.PlaceOrder: trading.place,
            commands.AmendOrder: trading.amend,
            commands.CancelOrder: trading.cancel,
            commands.CancelAll: trading.cancel_all,
            commands.CountDown: trading.count_down,
            commands.SetLeverage: accounts.set_leverage,
            commands.SetMarginType: accounts.set_margin_type,
            commands.SetPositionMode: accounts.set_position_mode,
            commands.AdjustMargin: accounts.adjust_margin,
            commands.SetIndex: clockwork.set_index,
            commands.SetFunding: clockwork.set_funding,
            commands.Tick: clockwork.tick,
        }

    def apply(self, command: commands.Command, now_ms: int) -> Any:  # noqa: ANN401 - each command says what it returns
        """Carry out a command and return what it promises.

        Time never runs backwards here: an earlier moment than the last one counts as that.

        Raises
        ------
        Rejected
            If the venue refuses it; but for spent numbers nothing has changed then.
        """
        self.state.now_ms = max(self.state.now_ms, now_ms)
        try:
            return self._handlers[type(command)](command)
        finally:
            events, self._events[:] = tuple(self._events), ()
            for event in events:
                self._listener(event)
