"""What an account decides about itself: leverage, margin type, position mode, margin of a position, transfers."""

from typing import Final

from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.commands import (
    AdjustMargin,
    OpenAccount,
    SetLeverage,
    SetMarginType,
    SetPositionMode,
    Transfer,
)
from tegro_localnet.perpetual.engine.events import LeverageChanged
from tegro_localnet.perpetual.engine.margin import account_margin, row_margin
from tegro_localnet.perpetual.engine.records import AccountRecords, MarginChange
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import IncomeType, Reason


class AccountSettings:
    """Carries out the commands that are not about orders."""

    def __init__(self, state: VenueState) -> None:
        self._state: Final = state

    def open(self, _: OpenAccount) -> int:
        """Make an account and return its number."""
        account_id = len(self._state.accounts)
        self._state.accounts[account_id] = Account(account_id=account_id, updated_ms=self._state.now_ms)
        self._state.records[account_id] = AccountRecords()
        return account_id

    def transfer(self, command: Transfer) -> None:
        """Bring in or take out USDT."""
        account = self._state.accounts[command.account_id]
        amount_e8 = command.amount_e8
        if amount_e8 < 0 and -amount_e8 > account_margin(account, self._state.markets).withdrawable_e8:
            raise Rejected(-2018)
        self._state.pay(account, amount_e8, IncomeType.TRANSFER)
        reason = Reason.DEPOSIT if amount_e8 >= 0 else Reason.WITHDRAW
        self._state.tell_account(account, reason, change_e8=amount_e8)

    def set_leverage(self, command: SetLeverage) -> int:
        """Choose a leverage, as far as what is held and ordered fits; return the largest notional it allows."""
        state = self._state
        account, market = state.accounts[command.account_id], state.market(command.symbol)
        if not 1 <= command.leverage <= market.contract.max_leverage:
            raise Rejected(-4028)
        settings = account.setting(command.symbol)
        rows = [row_margin(account, market, side) for side in account.sides]
        if settings.is_isolated and command.leverage < settings.leverage and any(row.notional_e8 for row in rows):
            raise Rejected(-4161)
        most_e8 = market.contract.max_notional_e8(command.leverage)
        if any(row.worst_e8 > most_e8 for row in rows):
            raise Rejected(-2027)
        previous, settings.leverage = settings.leverage, command.leverage
        if command.leverage < previous and not self._is_covered(account):
            settings.leverage = previous
            raise Rejected(-2028)
        changed = LeverageChanged(
            account_id=account.account_id, symbol=command.symbol, leverage=command.leverage, time_ms=state.now_ms
        )
        state.emit(changed)
        return most_e8

    def set_margin_type(self, command: SetMarginType) -> None:
        """Choose crossed or isolated, while nothing is held or ordered."""
        account = self._state.accounts[command.account_id]
        self._state.market(command.symbol)
        settings = account.setting(command.symbol)
        if settings.margin_type is command.margin_type:
            raise Rejected(-4046)
        if account.orders(command.symbol):
            raise Rejected(-4047)
        if any(position.symbol == command.symbol for position in account.held()):
            raise Rejected(-4048)
        settings.margin_type = command.margin_type

    def set_position_mode(self, command: SetPositionMode) -> None:
        """Choose hedge or one-way mode, while nothing is held or ordered."""
        account = self._state.accounts[command.account_id]
        if account.is_hedge is command.is_hedge:
            raise Rejected(-4059)
        if account.orders():
            raise Rejected(-4067)
        if any(account.held()):
            raise Rejected(-4068)
        account.is_hedge = command.is_hedge

    def adjust_margin(self, command: AdjustMargin) -> None:
        """Move margin between the account and an isolated position."""
        state = self._state
        account, market = state.accounts[command.account_id], state.market(command.symbol)
        if not account.setting(command.symbol).is_isolated:
            raise Rejected(-4049)
        if command.position_side not in account.sides:
            raise Rejected(-4061)
        row = row_margin(account, market, command.position_side)
        position, amount_e8 = row.position, command.amount_e8
        if not position.quantity_e8:
            raise Rejected(-4054)
        if amount_e8 == 0:
            raise Rejected(-4055)
        if amount_e8 > account_margin(account, state.markets).withdrawable_e8:
            raise Rejected(-4050)
        spare_e8 = position.isolated_wallet_e8 + min(0, row.unrealized_e8) - row.position_initial_e8
        if amount_e8 < 0 and -amount_e8 > spare_e8:
            raise Rejected(-4051)
        position.isolated_wallet_e8 += amount_e8
        position.updated_ms = state.now_ms
        state.records[account.account_id].margin_changes.append(
            MarginChange(
                symbol=command.symbol,
                position_side=command.position_side,
                amount_e8=amount_e8,
                time_ms=state.now_ms,
            )
        )
        state.tell_account(account, Reason.MARGIN_TRANSFER, [position])

    def _is_covered(self, account: Account) -> bool:
        margin = account_margin(account, self._state.markets)
        return margin.cross_balance_e8 >= margin.cross_initial_e8
