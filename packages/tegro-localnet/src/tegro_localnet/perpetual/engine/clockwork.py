"""What happens by itself: samples, mark prices, funding, liquidation, expiry."""

from typing import Final

from tegro_localnet.perpetual.engine import funding, mark
from tegro_localnet.perpetual.engine.commands import SetFunding, SetIndex, Tick
from tegro_localnet.perpetual.engine.events import Funded, Repriced
from tegro_localnet.perpetual.engine.liquidation import Liquidator
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import IncomeType, Reason
from tegro_localnet.perpetual.engine.trading import Trading


class Clockwork:
    """Carries out ticks, and what the outside tells about prices and funding."""

    def __init__(self, state: VenueState, trading: Trading, liquidator: Liquidator) -> None:
        self._state: Final = state
        self._trading: Final = trading
        self._liquidator: Final = liquidator

    def tick(self, _: Tick) -> None:
        """Let everything happen that is due."""
        state = self._state
        self._trading.expire_due()
        is_sample_due = state.now_ms - state.sampled_ms >= mark.SAMPLE_MS
        is_premium_due = state.now_ms - state.premium_ms >= funding.SAMPLE_MS
        for market in state.markets.values():
            if is_sample_due:
                market.prices.sample(market.mid_e18())
            if is_premium_due:
                market.sample_premium()
            self._reprice(market)
            if state.now_ms >= market.next_funding_ms:
                self._settle(market)
        state.sampled_ms = state.now_ms if is_sample_due else state.sampled_ms
        state.premium_ms = state.now_ms if is_premium_due else state.premium_ms
        self._liquidator.check_all()

    def set_index(self, command: SetIndex) -> None:
        """Take an index price; the mark price follows at once."""
        market = self._state.market(command.symbol)
        if command.price_e18 < market.contract.tick_e18:
            raise Rejected(-4013)
        market.prices.index_e18 = command.price_e18
        self._reprice(market)
        self._liquidator.check_all()

    def set_funding(self, command: SetFunding) -> None:
        """Fund in another way from now on."""
        self._state.market(command.symbol).set_terms(command.terms, self._state.now_ms)

    def _reprice(self, market: Market) -> None:
        market.reprice(self._state.now_ms)
        self._state.emit(Repriced(market.contract.symbol, self._state.now_ms))

    def _settle(self, market: Market) -> None:
        """Let longs pay shorts, or the other way round. What rounding leaves goes to the insurance fund."""
        state = self._state
        rate = market.settle(state.now_ms)
        paid_e8 = 0
        for account in state.accounts.values():
            for position in tuple(account.held()):
                if position.symbol != market.contract.symbol:
                    continue
                payment_e8 = funding.payment_e8(position.quantity_e8, rate.mark_e18, rate.rate_e8)
                paid_e8 += payment_e8
                state.pay(account, payment_e8, IncomeType.FUNDING_FEE, position.symbol)
                told: list[Position] = []
                if account.setting(position.symbol).is_isolated:
                    position.isolated_wallet_e8 = max(0, position.isolated_wallet_e8 + payment_e8)
                    told.append(position)
                state.tell_account(account, Reason.FUNDING_FEE, told, change_e8=payment_e8)
        state.pay(state.house, -paid_e8, IncomeType.FUNDING_FEE, market.contract.symbol)
        state.emit(Funded(rate))
