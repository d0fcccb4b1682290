"""Hummingbot's shipped `PerpetualDerivativeTests`, all of them, run as they are against the perpetual connector.

No test is overridden but the abstract one. What is other than the suite foresees; `docs/shipped-perpetual-suite.md` has
the reasons, and `test_shipped_perpetual_contrary.py` the contrary of each fault that the suite asks for:

| Test or hook | What is changed |
|---|---|
| every perpetual test with HTTP | our `PerpetualVenue` for the empty mock; a bare 400 gets a code |
| `_expected_initial_status_dict` | two keys more, and those of perpetuals |
| `order_creation_request_successful_mock_response` | names the id of its own request |
| `expected_fill_fee` | is of the kind that the order's position has |
| `configure_http_error_order_status_response` | answers a genuine not-found |
| `configure_order_not_found_error_cancelation_response` | answers the look-up too, and calls back with that |
| `configure_full_fill_trade_response` | answers the order's report too |
| `configure_erroneous_http_fill_trade_response` | answers a definite refusal |
| `balance_event_websocket_update` | is an account event; the free balance is read after it |
| `trade_event_for_full_fill_websocket_update` | is None: the order event has the fill |
| `expected_logged_error_for_erroneous_trading_rule` | names the pair that is followed and has no rules |
| the events of the perpetual stream | are typed events, read from frames |
"""

import hashlib
import hmac
import json
from decimal import Decimal
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from aioresponses.core import RequestCall
from hummingbot.connector.derivative.tegro_perpetual.tegro_perpetual_api_order_book_data_source import funding_update
from hummingbot.connector.derivative.tegro_perpetual.tegro_perpetual_derivative import TegroPerpetualDerivative
from hummingbot.connector.test_support.perpetual_derivative_test import AbstractPerpetualDerivativeTests
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from hummingbot.core.data_type.trade_fee import AddedToCostTradeFee, DeductedFromReturnsTradeFee, TokenAmount


class TestTegroPerpetual(AbstractPerpetualDerivativeTests.PerpetualDerivativeTests):
    """The hooks of the suite, filled in for Tegro's perpetuals."""

    is_order_fill_http_update_included_in_status_update = True
    is_order_fill_http_update_executed_during_websocket_order_event_processing = False
    expected_supported_order_types: ClassVar = [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET]
    expected_supported_position_modes: ClassVar = [PositionMode.ONEWAY, PositionMode.HEDGE]
    expected_partial_fill_price = Decimal("9999.5")
    expected_partial_fill_amount = Decimal("0.5")

    @pytest.fixture(autouse=True)
    def _given(self, answers, venue, host):
        self.answers, self.venue = answers, venue

    async def asyncTearDown(self) -> None:
        await self.exchange.stop_network()
        await super().asyncTearDown()

    # The connector

    def create_exchange_instance(self):
        return TegroPerpetualDerivative(
            tegro_perpetual_api_key=self.answers.key,
            tegro_perpetual_api_secret=self.answers.secret,
            trading_pairs=[self.trading_pair],
        )

    def exchange_symbol_for_tokens(self, base_token, quote_token):
        return f"{base_token}{quote_token}"

    def _expected_initial_status_dict(self):
        ours = {"order_books_fresh": False, "earlier_orders_taken_up": False, "funding_info": False}
        return super()._expected_initial_status_dict() | ours

    def test_get_buy_and_sell_collateral_tokens(self):
        self.exchange._trading_rules = {self.trading_pair: self.expected_trading_rule}
        assert self.exchange.get_buy_collateral_token(self.trading_pair) == self.quote_asset
        assert self.exchange.get_sell_collateral_token(self.trading_pair) == self.quote_asset

    # Addresses and answers

    @property
    def all_symbols_url(self):
        return self.answers.url("v1/exchangeInfo")

    @property
    def latest_prices_url(self):
        return self.answers.url("v2/ticker/price", symbol=self.answers.symbol)

    @property
    def network_status_url(self):
        return self.answers.url("v1/time")

    @property
    def trading_rules_url(self):
        return self.all_symbols_url

    @property
    def order_creation_url(self):
        return self.answers.url("v1/order")

    @property
    def balance_url(self):
        return f"{self.answers.rest_url}/fapi/v2/account"

    @property
    def funding_info_url(self):
        return self.answers.url("v1/premiumIndex", symbol=self.answers.symbol)

    @property
    def funding_payment_url(self):
        return self.answers.url("v1/income", symbol=self.answers.symbol, incomeType="FUNDING_FEE")

    @property
    def all_symbols_request_mock_response(self):
        return self.answers.contracts()

    @property
    def all_symbols_including_invalid_pair_mock_response(self):
        quarterly = {"symbol": "INVALIDPAIR", "baseAsset": "INVALID", "quoteAsset": "PAIR"}
        (invalid,) = self.answers.contracts(**quarterly, contractType="CURRENT_QUARTER")["symbols"]
        return "INVALID-PAIR", {"symbols": [*self.answers.contracts()["symbols"], invalid]}

    @property
    def latest_prices_request_mock_response(self):
        return {"symbol": self.answers.symbol, "price": f"{self.answers.last_price:f}", "time": 1}

    @property
    def network_status_request_successful_mock_response(self):
        return {"serverTime": 1640780000000}

    @property
    def trading_rules_request_mock_response(self):
        return self.answers.contracts()

    @property
    def trading_rules_request_erroneous_mock_response(self):
        return self.answers.contracts(filters=[])

    @property
    def order_creation_request_successful_mock_response(self):
        sells = "sell" in self._testMethodName or "long" in self._testMethodName
        order = InFlightOrder(
            client_order_id=self.answers.own_id,
            exchange_order_id=str(self.expected_exchange_order_id),
            trading_pair=self.trading_pair,
            order_type=OrderType.LIMIT,
            trade_type=TradeType.SELL if sells else TradeType.BUY,
            amount=Decimal(100),
            price=Decimal(10_000),
            creation_timestamp=1640780000,
        )
        return self.answers.order(order, status="NEW")

    @property
    def balance_request_mock_response_for_base_and_quote(self):
        return self.answers.account("15", "2000", available="10")

    @property
    def balance_request_mock_response_only_base(self):
        return self.answers.account("15", None, available="10")

    @property
    def funding_info_mock_response(self):
        return {
            "symbol": self.answers.symbol,
            "markPrice": str(self.target_funding_info_mark_price),
            "indexPrice": str(self.target_funding_info_index_price),
            "lastFundingRate": str(self.target_funding_info_rate),
            "nextFundingTime": self.target_funding_info_next_funding_utc_timestamp * 1000,
            "time": 1,
        }

    @property
    def empty_funding_payment_mock_response(self):
        return []

    @property
    def funding_payment_mock_response(self):
        payment = {"symbol": self.answers.symbol, "incomeType": "FUNDING_FEE", "asset": self.quote_asset, "tranId": 9}
        payment["income"] = str(self.target_funding_payment_payment_amount)
        return [payment | {"time": self.target_funding_payment_timestamp}]

    # Expectations

    @property
    def expected_latest_price(self):
        return float(self.answers.last_price)

    @property
    def expected_trading_rule(self):
        return TradingRule(
            trading_pair=self.trading_pair,
            min_order_size=Decimal("0.000001"),
            max_order_size=Decimal(100_000),
            min_price_increment=Decimal("0.0001"),
            min_base_amount_increment=Decimal("0.000001"),
            min_notional_size=Decimal(5),
            buy_order_collateral_token=self.quote_asset,
            sell_order_collateral_token=self.quote_asset,
        )

    @property
    def expected_logged_error_for_erroneous_trading_rule(self):
        return f"There are no trading rules for {self.trading_pair}: perpetual.tegro.test lists no such contract."

    @property
    def expected_exchange_order_id(self):
        return self.answers.order_id

    @property
    def expected_fill_fee(self):
        # Hummingbot adds the fee to the cost of what opens a position, and takes it from the return of all else.
        (filled,) = self.order_filled_logger.event_log
        kind = AddedToCostTradeFee if filled.position == PositionAction.OPEN.value else DeductedFromReturnsTradeFee
        return kind(percent_token=self.quote_asset, flat_fees=[TokenAmount(self.quote_asset, self.answers.fee)])

    @property
    def expected_fill_trade_id(self):
        return str(self.answers.trade_id)

    # What was sent

    def validate_auth_credentials_present(self, request_call: RequestCall):
        """The key is in a header, and the signature over what was sent comes last (dialect 1.3)."""
        method, url = self.venue.origin(request_call)
        assert request_call.kwargs["headers"]["X-MBX-APIKEY"] == self.answers.key
        assert not request_call.kwargs["allow_redirects"]
        if method == "POST":
            texts = [request_call.kwargs["data"].decode()]
            assert not url.query_string
        else:
            texts = [each.partition("?")[2] for each in self.venue.as_sent(url)]
            assert request_call.kwargs.get("data") is None
        assert texts
        for text in texts:
            signed, _, signature = text.partition("&signature=")
            assert hmac.new(self.answers.secret.encode(), signed.encode(), hashlib.sha256).hexdigest() == signature
            assert {"recvWindow", "timestamp"} <= parse_qs(signed).keys()

    def validate_order_creation_request(self, order: InFlightOrder, request_call: RequestCall):
        method, url = self.venue.origin(request_call)
        assert (method, url.path) == ("POST", "/fapi/v1/order")
        expected = {
            "symbol": self.answers.symbol,
            "side": order.trade_type.name,
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": order.amount,
            "price": order.price,
            "newClientOrderId": order.client_order_id,
        }
        if order.position is PositionAction.CLOSE:
            expected["reduceOnly"] = "true"
        members = _members(request_call.kwargs["data"].decode())
        # Which position it is for need not be said in one-way mode (dialect 4.2).
        assert members.pop("positionSide", "BOTH") == "BOTH"
        assert members.pop("newOrderRespType", "RESULT") == "RESULT"
        assert members | {name: Decimal(members[name]) for name in ("quantity", "price")} == expected

    def validate_order_cancelation_request(self, order: InFlightOrder, request_call: RequestCall):
        self._validate_question(request_call, "DELETE", "v1/order", origClientOrderId=order.client_order_id)

    def validate_order_status_request(self, order: InFlightOrder, request_call: RequestCall):
        """One list of all open orders, or the order itself where that list has it no more."""
        _, url = self.venue.origin(request_call)
        if url.path.endswith("/openOrders"):
            assert self.venue.origin(request_call)[0] == "GET"
            assert _members(url.query_string) == {}
        else:
            self._validate_question(request_call, "GET", "v1/order", origClientOrderId=order.client_order_id)

    def validate_trades_request(self, order: InFlightOrder, request_call: RequestCall):
        self._validate_question(request_call, "GET", "v1/userTrades", orderId=order.exchange_order_id, limit="1000")

    def _validate_question(self, request_call: RequestCall, method: str, path: str, **members: str) -> None:
        asked_method, url = self.venue.origin(request_call)
        assert (asked_method, url.path) == (method, f"/fapi/{path}")
        assert _members(url.query_string) == members | {"symbol": self.answers.symbol}

    # Orders and fills at the venue

    def configure_successful_cancelation_response(self, order, mock_api, callback=None):
        url = self.answers.order_url(order)
        mock_api.delete(url, body=json.dumps(self.answers.order(order, status="CANCELED")), callback=callback)
        return url

    def configure_erroneous_cancelation_response(self, order, mock_api, callback=None):
        url = self.answers.order_url(order)
        mock_api.delete(url, status=400, body=self.answers.refusal(-2022, "no"), callback=callback)
        return url

    def configure_order_not_found_error_cancelation_response(self, order, mock_api, callback=None):
        url = self.answers.order_url(order)
        mock_api.delete(url, status=400, body=self.answers.refusal(-2011, "Unknown order sent."))
        # What is not there to be cancelled may have been filled: that it is missing is known when it was looked up.
        mock_api.get(url, status=400, body=self.answers.refusal(-2013, "Order does not exist."), callback=callback)
        return url

    def configure_one_successful_one_erroneous_cancel_all_response(self, successful_order, erroneous_order, mock_api):
        return [
            self.configure_successful_cancelation_response(successful_order, mock_api),
            self.configure_erroneous_cancelation_response(erroneous_order, mock_api),
        ]

    def configure_completely_filled_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        return [self._open_url, self._looked_up(mock_api, order, callback, status="FILLED", filled=order.amount)]

    def configure_canceled_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        return [self._open_url, self._looked_up(mock_api, order, callback, status="CANCELED")]

    def configure_open_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api, self.answers.order(order, status="NEW"), callback=callback)
        return [self._open_url]

    def configure_partially_filled_order_status_response(self, order, mock_api, callback=None):
        report = self.answers.order(order, status="PARTIALLY_FILLED", filled=self.expected_partial_fill_amount)
        self._listed(mock_api, report, callback=callback)
        return self._open_url

    def configure_http_error_order_status_response(self, order, mock_api, callback=None):
        return self.configure_order_not_found_error_order_status_response(order, mock_api, callback)

    def configure_order_not_found_error_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        url = self.answers.order_url(order)
        mock_api.get(url, status=400, body=self.answers.refusal(-2013, "Order does not exist."), callback=callback)
        return url

    def configure_partial_fill_trade_response(self, order, mock_api, callback=None):
        trade = self.answers.trade(
            order, price=self.expected_partial_fill_price, quantity=self.expected_partial_fill_amount
        )
        return self._traded(mock_api, order, callback, body=json.dumps([trade]))

    def configure_erroneous_http_fill_trade_response(self, order, mock_api, callback=None):
        return self._traded(mock_api, order, callback, status=400, body=self.answers.refusal(-1100, "no"))

    def configure_full_fill_trade_response(self, order, mock_api, callback=None):
        # Trades are read only where the order's report has more than is booked, so the report belongs to them.
        self.configure_completely_filled_order_status_response(order, mock_api, callback)
        trade = self.answers.trade(order, price=order.price, quantity=order.amount)
        return self._traded(mock_api, order, callback, body=json.dumps([trade]))

    @property
    def _open_url(self):
        return self.answers.url("v1/openOrders")

    def _listed(self, mock_api, *reports, callback=None):
        mock_api.get(self._open_url, body=json.dumps(reports), callback=callback)

    def _looked_up(self, mock_api, order, callback=None, **report):
        url = self.answers.order_url(order)
        mock_api.get(url, body=json.dumps(self.answers.order(order, **report)), callback=callback)
        return url

    def _traded(self, mock_api, order, callback, **answer):
        url = self.answers.url("v1/userTrades", orderId=order.exchange_order_id)
        mock_api.get(url, callback=callback, **answer)
        return url

    # Position mode and leverage

    def configure_successful_set_position_mode(self, position_mode, mock_api, callback=None):
        url = self._mode_read(mock_api, position_mode)
        mock_api.post(url, body=json.dumps({"code": 200, "msg": "success"}), callback=callback)
        return url

    def configure_failed_set_position_mode(self, position_mode, mock_api, callback=None):
        url, reason = self._mode_read(mock_api, position_mode), "Position side cannot be changed"
        mock_api.post(url, status=400, body=self.answers.refusal(-4068, reason), callback=callback)
        return url, f"POST v1/positionSide/dual was answered with HTTP 400: {reason}"

    def _mode_read(self, mock_api, wanted):
        """Let the account be in the other mode; return where that is read and set."""
        url = self.answers.url("v1/positionSide/dual")
        for _ in range(2):  # Hummingbot asks before it changes it, and so does the client
            mock_api.get(url, body=json.dumps({"dualSidePosition": wanted is not PositionMode.HEDGE}))
        return url

    def configure_successful_set_leverage(self, leverage, mock_api, callback=None):
        url = self.answers.url("v1/leverage")
        body = {"leverage": leverage, "maxNotionalValue": "1", "symbol": self.answers.symbol}
        mock_api.post(url, body=json.dumps(body), callback=callback)
        return url

    def configure_failed_set_leverage(self, leverage, mock_api, callback=None):
        url = self.answers.url("v1/leverage")
        mock_api.post(url, status=400, body=self.answers.refusal(-4028, f"{leverage} is not valid"), callback=callback)
        return url, f"POST v1/leverage was answered with HTTP 400: {leverage} is not valid"

    # The stream

    def order_event_for_new_order_websocket_update(self, order):
        return self.answers.order_event(order, status="NEW")

    def order_event_for_canceled_order_websocket_update(self, order):
        return self.answers.order_event(order, status="CANCELED")

    def order_event_for_full_fill_websocket_update(self, order):
        return self.answers.order_event(order, status="FILLED", filled=order.amount)

    def trade_event_for_full_fill_websocket_update(self, order):
        return None

    def position_event_for_full_fill_websocket_update(self, order, unrealized_pnl):
        return self.answers.position_event(order, unrealized_pnl)

    def funding_info_event_for_websocket_update(self):
        event = self.answers.mark_event(
            p=str(self.target_funding_info_mark_price_ws_updated),
            i=str(self.target_funding_info_index_price_ws_updated),
            r=str(self.target_funding_info_rate_ws_updated),
            T=self.target_funding_info_next_funding_utc_timestamp_ws_updated * 1000,
        )
        return funding_update(self.trading_pair, event.mark)

    @property
    def balance_event_websocket_update(self):
        # An account event names no free balance (dialect 8.2): a running connector reads the account after it.
        account = json.dumps(self.balance_request_mock_response_for_base_and_quote)
        self.venue.get(self.answers.url("v2/account"), body=account)
        self.exchange._background.start(self.exchange._account_loop())
        return self.answers.account_event([{"a": self.base_asset, "wb": "15", "cw": "15", "bc": "0"}], [])


def _members(text: str) -> dict[str, str]:
    """Return what a request says beside time, window and signature."""
    members = {name: value for name, (value,) in parse_qs(text).items()}
    return {name: members[name] for name in members if name not in ("recvWindow", "timestamp", "signature")}
