"""Balances, positions and settings as REST and the user stream show them (perpetual dialect 5, 8.2, 8.3)."""

from typing import Any

from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.events import AccountChanged, LeverageChanged, MarginCalled, PositionState
from tegro_localnet.perpetual.engine.liquidation_price import liquidation_price_e18
from tegro_localnet.perpetual.engine.margin import AccountMargin, RowMargin, account_margin, row_margin
from tegro_localnet.perpetual.engine.records import Income
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.notation import amount_text, price_text, quantity_text

type Json = dict[str, Any]

ASSET = "USDT"


class AccountViews:
    """Shows accounts as they are now."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def account(self, account: Account, *, is_full: bool) -> Json:
        """Return the account object: v2 (full) lists all symbols and settings, v3 only what is in use."""
        margin = account_margin(account, self._state.markets)
        rows = self.rows(account, None, is_full=is_full)
        settings = {
            "feeTier": 0,
            "feeBurn": False,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }
        totals = {
            "totalInitialMargin": amount_text(margin.initial_e8),
            "totalMaintMargin": amount_text(margin.maintenance_e8),
            "totalWalletBalance": amount_text(margin.wallet_e8),
            "totalUnrealizedProfit": amount_text(margin.unrealized_e8),
            "totalMarginBalance": amount_text(margin.margin_balance_e8),
            "totalPositionInitialMargin": amount_text(margin.position_initial_e8),
            "totalOpenOrderInitialMargin": amount_text(margin.open_order_initial_e8),
            "totalCrossWalletBalance": amount_text(margin.cross_wallet_e8),
            "totalCrossUnPnl": amount_text(margin.cross_unrealized_e8),
            "availableBalance": amount_text(margin.available_e8),
            "maxWithdrawAmount": amount_text(margin.withdrawable_e8),
        }
        asset = _asset(account, margin) | ({"marginAvailable": True} if is_full else {})
        positions = [self._account_position(row, is_full=is_full) for row in rows]
        return (settings if is_full else {}) | totals | {"assets": [asset], "positions": positions}

    def balances(self, account: Account) -> list[Json]:
        """Return the rows of `balance`."""
        margin = account_margin(account, self._state.markets)
        row = {
            "accountAlias": f"local{account.account_id}",
            "asset": ASSET,
            "balance": amount_text(margin.wallet_e8),
            "crossWalletBalance": amount_text(margin.cross_wallet_e8),
            "crossUnPnl": amount_text(margin.cross_unrealized_e8),
            "availableBalance": amount_text(margin.available_e8),
            "maxWithdrawAmount": amount_text(margin.withdrawable_e8),
            "marginAvailable": True,
            "updateTime": account.updated_ms,
        }
        return [row]

    def rows(self, account: Account, symbol: str | None, *, is_full: bool) -> list[RowMargin]:
        """Return the margins of all position sides, or only of those with a position or orders."""
        symbols = [symbol] if symbol is not None else list(self._state.markets)
        rows = [row_margin(account, self._state.market(name), side) for name in symbols for side in account.sides]
        return [row for row in rows if is_full or row.notional_e8 or row.position.quantity_e8 or row.worst_e8]

    def risk(self, account: Account, row: RowMargin, *, is_full: bool) -> Json:
        """Return a row of `positionRisk`; v2 (full) shows settings where v3 shows margins."""
        position, market = row.position, self._state.markets[row.position.symbol]
        contract = market.contract
        isolated_e8 = position.isolated_wallet_e8 + row.unrealized_e8 if row.is_isolated else 0
        view: Json = {
            "symbol": position.symbol,
            "positionSide": str(position.side),
            "positionAmt": quantity_text(position.quantity_e8, contract),
            "entryPrice": price_text(position.entry_price_e18),
            "breakEvenPrice": price_text(position.entry_price_e18),
            "markPrice": price_text(market.mark_e18),
            "unRealizedProfit": amount_text(row.unrealized_e8),
            "liquidationPrice": price_text(liquidation_price_e18(account, self._state.markets, position)),
            "isolatedMargin": amount_text(isolated_e8),
            "notional": amount_text(row.notional_e8),
            "isolatedWallet": amount_text(position.isolated_wallet_e8),
            "updateTime": position.updated_ms,
        }
        if is_full:
            return view | {
                "leverage": str(row.leverage),
                "maxNotionalValue": str(contract.max_notional_e8(row.leverage) // 10**8),
                "marginType": "isolated" if row.is_isolated else "cross",
                "isAutoAddMargin": "false",
            }
        return view | {
            "marginAsset": contract.quote,
            "initialMargin": amount_text(row.initial_e8),
            "maintMargin": amount_text(row.maintenance_e8),
            "positionInitialMargin": amount_text(row.position_initial_e8),
            "openOrderInitialMargin": amount_text(row.open_order_initial_e8),
            "adl": 1,
            "bidNotional": amount_text(row.bids_e8),
            "askNotional": amount_text(row.asks_e8),
        }

    def _account_position(self, row: RowMargin, *, is_full: bool) -> Json:
        position, market = row.position, self._state.markets[row.position.symbol]
        view: Json = {
            "symbol": position.symbol,
            "positionSide": str(position.side),
            "positionAmt": quantity_text(position.quantity_e8, market.contract),
            "unrealizedProfit": amount_text(row.unrealized_e8),
            "initialMargin": amount_text(row.initial_e8),
            "maintMargin": amount_text(row.maintenance_e8),
            "isolatedWallet": amount_text(position.isolated_wallet_e8),
            "notional": amount_text(row.notional_e8),
            "updateTime": position.updated_ms,
        }
        if not is_full:
            isolated_e8 = position.isolated_wallet_e8 + row.unrealized_e8 if row.is_isolated else 0
            return view | {"isolatedMargin": amount_text(isolated_e8)}
        return view | {
            "positionInitialMargin": amount_text(row.position_initial_e8),
            "openOrderInitialMargin": amount_text(row.open_order_initial_e8),
            "leverage": str(row.leverage),
            "isolated": row.is_isolated,
            "entryPrice": price_text(position.entry_price_e18),
            "breakEvenPrice": price_text(position.entry_price_e18),
            "maxNotional": str(market.contract.max_notional_e8(row.leverage) // 10**8),
            "bidNotional": amount_text(row.bids_e8),
            "askNotional": amount_text(row.asks_e8),
        }


def income_view(row: Income) -> Json:
    """Return a row of `income`."""
    return {
        "symbol": row.symbol,
        "incomeType": str(row.type),
        "income": amount_text(row.amount_e8),
        "asset": ASSET,
        "info": "" if row.trade_id is None else str(row.trade_id),
        "time": row.time_ms,
        "tranId": row.income_id,
        "tradeId": "" if row.trade_id is None else str(row.trade_id),
    }


def account_event(event: AccountChanged) -> Json:
    """Return ACCOUNT_UPDATE."""
    balance = {
        "a": ASSET,
        "wb": amount_text(event.wallet_e8),
        "cw": amount_text(event.cross_wallet_e8),
        "bc": amount_text(event.change_e8),
    }
    body = {"m": str(event.reason), "B": [balance], "P": [_position_event(state) for state in event.positions]}
    return {"e": "ACCOUNT_UPDATE", "E": event.time_ms, "T": event.time_ms, "a": body}


def leverage_event(event: LeverageChanged) -> Json:
    """Return ACCOUNT_CONFIG_UPDATE."""
    setting = {"s": event.symbol, "l": event.leverage}
    return {"e": "ACCOUNT_CONFIG_UPDATE", "E": event.time_ms, "T": event.time_ms, "ac": setting}


def margin_call_event(event: MarginCalled) -> Json:
    """Return MARGIN_CALL."""
    positions = [
        {
            "s": risk.state.position.symbol,
            "ps": str(risk.state.position.side),
            "pa": amount_text(risk.state.position.quantity_e8),
            "mt": str(risk.state.margin_type),
            "iw": amount_text(risk.state.position.isolated_wallet_e8),
            "mp": price_text(risk.mark_e18),
            "up": amount_text(risk.state.unrealized_e8),
            "mm": amount_text(risk.maintenance_e8),
        }
        for risk in event.positions
    ]
    return {"e": "MARGIN_CALL", "E": event.time_ms, "cw": amount_text(event.cross_wallet_e8), "p": positions}


def _asset(account: Account, margin: AccountMargin) -> Json:
    return {
        "asset": ASSET,
        "walletBalance": amount_text(margin.wallet_e8),
        "unrealizedProfit": amount_text(margin.unrealized_e8),
        "marginBalance": amount_text(margin.margin_balance_e8),
        "maintMargin": amount_text(margin.maintenance_e8),
        "initialMargin": amount_text(margin.initial_e8),
        "positionInitialMargin": amount_text(margin.position_initial_e8),
        "openOrderInitialMargin": amount_text(margin.open_order_initial_e8),
        "crossWalletBalance": amount_text(margin.cross_wallet_e8),
        "crossUnPnl": amount_text(margin.cross_unrealized_e8),
        "availableBalance": amount_text(margin.available_e8),
        "maxWithdrawAmount": amount_text(margin.withdrawable_e8),
        "updateTime": account.updated_ms,
    }


def _position_event(state: PositionState) -> Json:
    position = state.position
    return {
        "s": position.symbol,
        "pa": amount_text(position.quantity_e8),
        "ep": price_text(position.entry_price_e18),
        "bep": price_text(position.entry_price_e18),
        "cr": amount_text(position.realized_e8),
        "up": amount_text(state.unrealized_e8),
        "mt": "isolated" if state.margin_type == "ISOLATED" else "cross",
        "iw": amount_text(position.isolated_wallet_e8),
        "ps": str(position.side),
        "ma": ASSET,
    }
