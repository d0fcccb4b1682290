"""Accounts by REST: balances, positions, settings, income, user streams (perpetual dialect 5)."""

from typing import Final

from tegro.model import unscaled
from tegro.wire import bare
from tegro_localnet.perpetual.engine.commands import AdjustMargin, SetLeverage, SetMarginType, SetPositionMode
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import IncomeType, MarginType, PositionSide
from tegro_localnet.perpetual.engine.units import E8
from tegro_localnet.perpetual.gateway.account_views import ASSET, AccountViews, Json, income_view
from tegro_localnet.perpetual.gateway.market_views import brackets_view
from tegro_localnet.perpetual.gateway.rest import Call, Endpoint, Security
from tegro_localnet.perpetual.notation import amount_text, rate_text, read_number
from tegro_localnet.perpetual.venue import PerpetualVenue

_WEEK_MS: Final = 7 * 86_400_000
_DONE: Final = {"code": 200, "msg": "success"}


class AccountCalls:
    """What a key shows and decides of its account."""

    def __init__(self, venue: PerpetualVenue) -> None:
        self._venue: Final = venue
        self._views: Final = AccountViews(venue.state)

    def endpoints(self) -> list[Endpoint]:
        """Return the calls."""
        signed, key = Security.SIGNED, Security.KEY
        return [
            Endpoint("GET", "/v2/account", signed, lambda call: self._views.account(call.account, is_full=True), 5),
            Endpoint("GET", "/v3/account", signed, lambda call: self._views.account(call.account, is_full=False), 5),
            Endpoint("GET", "/v2/balance", signed, lambda call: self._views.balances(call.account), 5),
            Endpoint("GET", "/v3/balance", signed, lambda call: self._views.balances(call.account), 5),
            Endpoint("GET", "/v2/positionRisk", signed, lambda call: self._risk(call, is_full=True), 5),
            Endpoint("GET", "/v3/positionRisk", signed, lambda call: self._risk(call, is_full=False), 5),
            Endpoint("POST", "/v1/leverage", signed, self._set_leverage),
            Endpoint("POST", "/v1/marginType", signed, self._set_margin_type),
            Endpoint("GET", "/v1/positionSide/dual", signed, self._position_mode, 30),
            Endpoint("POST", "/v1/positionSide/dual", signed, self._set_position_mode),
            Endpoint("POST", "/v1/positionMargin", signed, self._adjust_margin),
            Endpoint("GET", "/v1/positionMargin/history", signed, self._margin_changes),
            Endpoint("GET", "/v1/leverageBracket", signed, self._brackets),
            Endpoint("GET", "/v1/income", signed, self._income, 30),
            Endpoint("GET", "/v1/commissionRate", signed, self._commission, 20),
            Endpoint("GET", "/v1/accountConfig", signed, self._account_config, 5),
            Endpoint("GET", "/v1/symbolConfig", signed, self._symbol_config, 5),
            Endpoint("GET", "/v1/multiAssetsMargin", signed, lambda _: {"multiAssetsMargin": False}, 30),
            Endpoint("POST", "/v1/multiAssetsMargin", signed, self._refuse_multi_assets),
            Endpoint("GET", "/v1/feeBurn", signed, lambda _: {"feeBurn": False}, 30),
            Endpoint("GET", "/v1/adlQuantile", signed, self._adl_quantiles, 5),
            Endpoint("GET", "/v1/apiTradingStatus", signed, self._trading_status),
            Endpoint("POST", "/v1/listenKey", key, self._listen),
            Endpoint("PUT", "/v1/listenKey", key, self._keep_listening),
            Endpoint("DELETE", "/v1/listenKey", key, self._stop_listening),
        ]

    def _symbol(self, call: Call) -> str:
        return self._venue.state.market(call.parameters.text("symbol").upper()).contract.symbol

    def _symbols(self, call: Call) -> list[str]:
        return [self._symbol(call)] if call.parameters.find("symbol") else list(self._venue.state.markets)

    def _risk(self, call: Call, *, is_full: bool) -> list[Json]:
        symbol = self._symbol(call) if call.parameters.find("symbol") else None
        rows = self._views.rows(call.account, symbol, is_full=is_full)
        return [self._views.risk(call.account, row, is_full=is_full) for row in rows]

    def _set_leverage(self, call: Call) -> Json:
        symbol, leverage = self._symbol(call), call.parameters.integer("leverage")
        command = SetLeverage(account_id=call.account.account_id, symbol=symbol, leverage=leverage)
        most_e8 = self._venue.apply(command)
        return {"leverage": leverage, "maxNotionalValue": str(most_e8 // E8), "symbol": symbol}

    def _set_margin_type(self, call: Call) -> Json:
        margin_type = call.parameters.choice("marginType", MarginType)
        account_id = call.account.account_id
        self._venue.apply(SetMarginType(account_id=account_id, symbol=self._symbol(call), margin_type=margin_type))
        return _DONE

    def _position_mode(self, call: Call) -> Json:
        return {"dualSidePosition": call.account.is_hedge}

    def _set_position_mode(self, call: Call) -> Json:
        call.parameters.text("dualSidePosition")
        is_hedge = call.parameters.flag("dualSidePosition")
        self._venue.apply(SetPositionMode(account_id=call.account.account_id, is_hedge=is_hedge))
        return _DONE

    def _adjust_margin(self, call: Call) -> Json:
        parameters = call.parameters
        kind = parameters.integer("type")
        amount_e8 = read_number(parameters.text("amount"), "amount", 8)
        if kind not in (1, 2):
            raise Rejected(-1130, "Data sent for parameter 'type' is not valid.")
        if amount_e8 <= 0:
            raise Rejected(-4055)
        command = AdjustMargin(
            account_id=call.account.account_id,
            symbol=self._symbol(call),
            position_side=parameters.choice("positionSide", PositionSide, PositionSide.BOTH, code=-4060),
            amount_e8=amount_e8 if kind == 1 else -amount_e8,
        )
        self._venue.apply(command)
        amount = bare(unscaled(amount_e8, 8))
        return {"amount": amount, "code": 200, "msg": "Successfully modify position margin.", "type": kind}

    def _margin_changes(self, call: Call) -> list[Json]:
        symbol, kind = self._symbol(call), call.parameters.integer("type", 0)
        start_ms, end_ms = call.parameters.span()
        rows = [
            {
                "symbol": symbol,
                "type": 1 if change.amount_e8 > 0 else 2,
                "deltaType": "USER_ADJUST",
                "amount": amount_text(abs(change.amount_e8)),
                "asset": ASSET,
                "time": change.time_ms,
                "positionSide": str(change.position_side),
            }
            for change in self._venue.state.records[call.account.account_id].margin_changes
            if change.symbol == symbol and start_ms <= change.time_ms <= end_ms
        ]
        return [row for row in rows if kind in (0, row["type"])][-call.parameters.limit(500, 500) :]

    def _brackets(self, call: Call) -> list[Json]:
        return [brackets_view(self._venue.state.markets[symbol].contract) for symbol in self._symbols(call)]

    def _income(self, call: Call) -> list[Json]:
        parameters = call.parameters
        symbol = self._symbol(call) if parameters.find("symbol") else None
        kind = parameters.choice("incomeType", IncomeType) if parameters.find("incomeType") else None
        start_ms, end_ms = parameters.span(None, _WEEK_MS, call.now_ms)
        limit, page = parameters.limit(100, 1000), max(1, parameters.integer("page", 1))
        rows = [
            row
            for row in self._venue.state.records[call.account.account_id].incomes
            if symbol in (None, row.symbol) and kind in (None, row.type) and start_ms <= row.time_ms <= end_ms
        ]
        if parameters.find("startTime") or parameters.find("page"):
            chosen = rows[(page - 1) * limit : page * limit]
        else:
            chosen = rows[-limit:]
        return [income_view(row) for row in chosen]

    def _commission(self, call: Call) -> Json:
        symbol = self._symbol(call)
        contract = self._venue.state.markets[symbol].contract
        return {
            "symbol": symbol,
            "makerCommissionRate": rate_text(contract.maker_fee_ppm),
            "takerCommissionRate": rate_text(contract.taker_fee_ppm),
            "rpiCommissionRate": rate_text(contract.maker_fee_ppm),
        }

    def _account_config(self, call: Call) -> Json:
        return {
            "feeTier": 0,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "dualSidePosition": call.account.is_hedge,
            "updateTime": 0,
            "multiAssetsMargin": False,
            "tradeGroupId": -1,
        }

    def _symbol_config(self, call: Call) -> list[Json]:
        def view(symbol: str) -> Json:
            settings, contract = call.account.setting(symbol), self._venue.state.markets[symbol].contract
            return {
                "symbol": symbol,
                "marginType": str(settings.margin_type),
                "isAutoAddMargin": False,
                "leverage": settings.leverage,
                "maxNotionalValue": str(contract.max_notional_e8(settings.leverage) // E8),
            }

        return [view(symbol) for symbol in self._symbols(call)]

    def _refuse_multi_assets(self, call: Call) -> Json:
        if call.parameters.flag("multiAssetsMargin"):
            raise Rejected(-1020, "This operation is not supported: localnet has single-asset mode only.")
        raise Rejected(-4171, "No need to change multi-assets mode.")

    def _adl_quantiles(self, call: Call) -> list[Json]:
        quantile = dict.fromkeys(map(str, PositionSide), 0)
        return [{"symbol": symbol, "adlQuantile": quantile} for symbol in self._symbols(call)]

    def _trading_status(self, call: Call) -> Json:
        return {"indicators": {}, "updateTime": call.now_ms}

    def _listen(self, call: Call) -> Json:
        return {"listenKey": self._venue.listen(call.account.account_id)}

    def _keep_listening(self, call: Call) -> Json:
        self._venue.keys.require_listen_key(call.account.account_id)
        return {"listenKey": self._venue.listen(call.account.account_id)}

    def _stop_listening(self, call: Call) -> Json:
        self._venue.stop_listening(call.account.account_id)
        return {}
