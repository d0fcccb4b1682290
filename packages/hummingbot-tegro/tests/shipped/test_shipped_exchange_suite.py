"""Hummingbot's shipped `ExchangeConnectorTests`, all 39, run as they are against the connector.

No test is overridden. What is other than the suite foresees, in short; `docs/shipped-suite.md` has the reasons, and
`test_shipped_contrary.py` the contrary of each fault that the suite asks for:

| Test or hook | What is changed |
|---|---|
| every test with HTTP | our `Venue` in the place of the empty mock; the address of a venue that has no known node |
| `_expected_initial_status_dict` | two keys more |
| `create_exchange_instance` | follows no pair in `test_update_balances` |
| `order_creation_request_successful_mock_response` | has no `order_hash` |
| `validate_auth_credentials_present` | looks for signatures: the venue has no credentials |
| `configure_http_error_order_status_response` | answers a genuine not-found |
| `configure_erroneous_cancelation_response` | answers a definite refusal |
| `configure_order_not_found_error_cancelation_response` | answers the look-up too, and calls back with that |
| `configure_full_fill_trade_response` | answers the order's report too |
| `configure_erroneous_http_fill_trade_response` | answers a definite refusal |
| `balance_event_websocket_update` | is an order event |
| `expected_logged_error_for_erroneous_trading_rule` | names the pair that is followed and has no rules |
| the four events of the stream | are typed events, read from frames |
"""

import json
import re
from decimal import Decimal
from typing import ClassVar

import pytest
from aioresponses.core import RequestCall
from hummingbot.connector.exchange.tegro.tegro_exchange import TegroExchange
from hummingbot.connector.test_support.exchange_connector_test import AbstractExchangeConnectorTests
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount


class TestTegroExchange(AbstractExchangeConnectorTests.ExchangeConnectorTests):
    """The hooks of the suite, filled in for Tegro."""

    is_order_fill_http_update_included_in_status_update = True
    is_order_fill_http_update_executed_during_websocket_order_event_processing = True
    expected_supported_order_types: ClassVar = [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET]
    expected_partial_fill_price = Decimal("9999.5")
    expected_partial_fill_amount = Decimal("0.5")

    @pytest.fixture(autouse=True)
    def _given(self, answers, venue, host):
        self.answers, self.venue = answers, venue

    async def asyncTearDown(self) -> None:
        await self.exchange.stop_network()
        await super().asyncTearDown()

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        if self._testMethodName == "test_user_stream_balance_update":
            # What is read and imported only once is there before: the suite gives the connector a tenth of a second.
            with self.venue:
                self.venue.get(self.answers.portfolio_url, body="[]")
                self.exchange._link.open()
                await self.exchange._update_all_balances()

    # The connector

    def create_exchange_instance(self):
        # A pair that is followed always has both balances, which the balance test of the suite rules out.
        is_balance_test = self._testMethodName == "test_update_balances"
        return TegroExchange(
            tegro_api_key=self.answers.wallet,
            tegro_api_secret=self.answers.key,
            chain_name="base",
            trading_pairs=[] if is_balance_test else [self.trading_pair],
        )

    def exchange_symbol_for_tokens(self, base_token, quote_token):
        return f"{base_token}_{quote_token}"

    def _expected_initial_status_dict(self):
        return super()._expected_initial_status_dict() | {"order_books_fresh": False, "earlier_orders_taken_up": False}

    # Addresses and answers

    @property
    def all_symbols_url(self):
        return self.answers.market_list_url

    @property
    def latest_prices_url(self):
        return self.answers.ticker_url

    @property
    def network_status_url(self):
        return self.answers.chain_list_url

    @property
    def trading_rules_url(self):
        return self.answers.market_list_url

    @property
    def order_creation_url(self):
        return self.answers.place_url

    @property
    def balance_url(self):
        return self.answers.portfolio_url

    @property
    def all_symbols_request_mock_response(self):
        return [self.answers.market()]

    @property
    def all_symbols_including_invalid_pair_mock_response(self):
        invalid = self.answers.market(
            id=f"{self.answers.chain_id}_invalid", symbol="INVALID_PAIR", base_symbol="INVALID", quote_symbol="PAIR"
        ) | {"base_contract_address": "no address"}
        return "INVALID-PAIR", [self.answers.market(), invalid]

    @property
    def latest_prices_request_mock_response(self):
        return self.answers.market()

    @property
    def network_status_request_successful_mock_response(self):
        return self.answers.chains()

    @property
    def trading_rules_request_mock_response(self):
        return [self.answers.market()]

    @property
    def trading_rules_request_erroneous_mock_response(self):
        return [{name: value for name, value in self.answers.market().items() if name != "quote_precision"}]

    @property
    def order_creation_request_successful_mock_response(self):
        order = self._order(TradeType.SELL if "sell" in self._testMethodName else TradeType.BUY)
        # The suite wants the answer before there is a request; no answer but one without the hash can be right.
        reply = self.answers.order(order, status="open")
        del reply["order_hash"]
        return reply

    def _order(self, side: TradeType) -> InFlightOrder:
        return InFlightOrder(
            client_order_id="",
            exchange_order_id=self.expected_exchange_order_id,
            trading_pair=self.trading_pair,
            order_type=OrderType.LIMIT,
            trade_type=side,
            amount=Decimal(100),
            price=Decimal(10_000),
            creation_timestamp=1640780000,
        )

    @property
    def balance_request_mock_response_for_base_and_quote(self):
        return self.answers.portfolio("15", "2000", placed="5")

    @property
    def balance_request_mock_response_only_base(self):
        return self.answers.portfolio("15", None, placed="5")

    # Expectations

    @property
    def expected_latest_price(self):
        return float(self.answers.last_price)

    @property
    def expected_trading_rule(self):
        return TradingRule(
            trading_pair=self.trading_pair,
            min_order_size=Decimal("0.000001"),
            min_price_increment=Decimal("0.0001"),
            min_base_amount_increment=Decimal("0.000001"),
            min_notional_size=Decimal(2),
        )

    @property
    def expected_logged_error_for_erroneous_trading_rule(self):
        return (
            f"There are no trading rules for {self.trading_pair}: Tegro lists no such market on base, or one that "
            "could not be read (see the log)."
        )

    @property
    def expected_exchange_order_id(self):
        return self.answers.order_id

    @property
    def expected_fill_fee(self):
        # The buyer pays in the token that it receives (protocol 7.3).
        return DeductedFromReturnsTradeFee(flat_fees=[TokenAmount(self.base_asset, self.answers.maker_fee)])

    @property
    def expected_fill_trade_id(self):
        return self.answers.trade_id

    # What was sent

    def validate_auth_credentials_present(self, request_call: RequestCall):
        """Tegro has no credentials: who writes signs the body (protocol 3.1), who reads names the wallet or order."""
        method, url = self.venue.origin(request_call)
        headers = {name.lower() for name in request_call.kwargs["headers"]}
        assert not headers & {"authorization", "cookie", "x-api-key", "x-mbx-apikey"}
        assert not request_call.kwargs["allow_redirects"]
        if method == "POST":
            assert self.answers.signer_of(json.loads(request_call.kwargs["data"])) == self.answers.wallet
        else:
            assert method == "GET"
            assert request_call.kwargs.get("data") is None
            assert re.search(rf"/user/{self.answers.wallet.lower()}$|/trades/[^/]+$", url.path)

    def validate_order_creation_request(self, order: InFlightOrder, request_call: RequestCall):
        answers, is_buy = self.answers, order.trade_type is TradeType.BUY
        assert self._origin(request_call) == ("POST", answers.place_url)
        body = json.loads(request_call.kwargs["data"])
        signed = json.loads(body["raw_order_data"])
        price, quantity = str(int(order.price.scaleb(18))), str(int(order.amount.scaleb(answers.base_decimals)))
        assert int(signed["salt"]) > 0
        expected = {
            "baseToken": answers.base_address,
            "quoteToken": answers.quote_address,
            "price": price,
            "totalQuantity": quantity,
            "isBuy": is_buy,
            "salt": signed["salt"],
            "maker": answers.wallet,
            "expiryTime": "0",
        }
        assert signed == expected
        paid, received = answers.base_address, answers.quote_address
        if is_buy:
            paid, received = received, paid
        assert body == {
            "chain_id": answers.chain_id,
            "base_asset": paid,
            "quote_asset": received,
            "side": int(is_buy),
            "volume_precision": quantity,
            "price_precision": price,
            "order_hash": answers.order_hash(signed),
            "raw_order_data": body["raw_order_data"],
            "signature": body["signature"],
            "signed_order_type": "tegro",
            "market_id": answers.market_id,
            "market_symbol": answers.symbol,
        }
        assert answers.signer_of(body) == answers.wallet

    def validate_order_cancelation_request(self, order: InFlightOrder, request_call: RequestCall):
        assert self._origin(request_call) == ("POST", self.answers.cancel_url)
        body = json.loads(request_call.kwargs["data"])
        assert body.keys() == {"user_address", "order_ids", "signature"}
        assert body["user_address"] == self.answers.wallet.lower()
        assert body["order_ids"] == [order.exchange_order_id]
        assert self.answers.signer_of(body) == self.answers.wallet

    def validate_order_status_request(self, order: InFlightOrder, request_call: RequestCall):
        """One list of all live orders, or the order itself where that list has it no more."""
        assert self._origin(request_call) == ("GET", self.answers.orders_url)
        query = dict(request_call.kwargs["params"])
        assert query.pop("chain_id") == str(self.answers.chain_id)
        asked_for_all = {"statuses": "active,matched", "page": "1", "page_size": "100"}
        assert query in [asked_for_all, {"order_id": order.exchange_order_id}]

    def validate_trades_request(self, order: InFlightOrder, request_call: RequestCall):
        assert self._origin(request_call) == ("GET", self.answers.trades_url(order.exchange_order_id))
        assert not request_call.kwargs["params"]

    def _origin(self, call: RequestCall) -> tuple[str, str]:
        method, url = self.venue.origin(call)
        return method, str(url.with_query(None))

    # Orders and fills at the venue

    def configure_successful_cancelation_response(self, order, mock_api, callback=None):
        reply = {"cancelled_order_ids": [order.exchange_order_id]}
        mock_api.post(self.answers.cancel_url, body=json.dumps(reply), callback=callback)
        self._looked_up(mock_api, order, status="cancelled", code=611)
        return self.answers.cancel_url

    def configure_erroneous_cancelation_response(self, order, mock_api, callback=None):
        refusal = json.dumps(self.answers.refusal("the signature is not of this wallet"))
        mock_api.post(self.answers.cancel_url, status=400, body=refusal, callback=callback)
        return self.answers.cancel_url

    def configure_order_not_found_error_cancelation_response(self, order, mock_api, callback=None):
        refusal = json.dumps(self.answers.refusal("Order not found"))
        mock_api.post(self.answers.cancel_url, status=400, body=refusal)
        # What is not there to be cancelled may have been filled: that it is missing is known when it was looked up.
        mock_api.get(self.answers.order_url(order.exchange_order_id), body="[]", callback=callback)
        return self.answers.cancel_url

    def configure_one_successful_one_erroneous_cancel_all_response(self, successful_order, erroneous_order, mock_api):
        orders = [successful_order, erroneous_order]
        reply = {"cancelled_order_ids": [successful_order.exchange_order_id]}

        def look(url, data, **_):
            assert json.loads(data)["order_ids"] == [order.exchange_order_id for order in orders]

        mock_api.post(self.answers.cancel_url, body=json.dumps(reply), callback=look)
        self._listed(mock_api, self.answers.order(erroneous_order, status="open"))
        self._looked_up(mock_api, successful_order, status="cancelled", code=611)
        return [self.answers.cancel_url]

    def configure_completely_filled_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        url = self._looked_up(mock_api, order, callback, status="closed", filled=order.amount)
        return [self.answers.live_orders_url, url]

    def configure_canceled_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        url = self._looked_up(mock_api, order, callback, status="cancelled", code=611)
        return [self.answers.live_orders_url, url]

    def configure_open_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api, self.answers.order(order, status="open"), callback=callback)
        return [self.answers.live_orders_url]

    def configure_partially_filled_order_status_response(self, order, mock_api, callback=None):
        report = self.answers.order(order, status="open", filled=self.expected_partial_fill_amount)
        self._listed(mock_api, report, callback=callback)
        return self.answers.live_orders_url

    def configure_http_error_order_status_response(self, order, mock_api, callback=None):
        return self.configure_order_not_found_error_order_status_response(order, mock_api, callback)

    def configure_order_not_found_error_order_status_response(self, order, mock_api, callback=None):
        self._listed(mock_api)
        url = self.answers.order_url(order.exchange_order_id)
        mock_api.get(url, body="[]", callback=callback)
        return url

    def configure_partial_fill_trade_response(self, order, mock_api, callback=None):
        trade = self.answers.trade(
            order, price=self.expected_partial_fill_price, quantity=self.expected_partial_fill_amount
        )
        return self._traded(mock_api, order, callback, body=json.dumps([trade]))

    def configure_erroneous_http_fill_trade_response(self, order, mock_api, callback=None):
        refusal = json.dumps(self.answers.refusal("the trades cannot be read"))
        return self._traded(mock_api, order, callback, status=400, body=refusal)

    def configure_full_fill_trade_response(self, order, mock_api, callback=None):
        # Trades are read only where the order's report has more than is booked, so the report belongs to them.
        self.configure_completely_filled_order_status_response(order, mock_api, callback)
        trade = self.answers.trade(order, price=order.price, quantity=order.amount)
        return self._traded(mock_api, order, callback, body=json.dumps([trade]))

    def _listed(self, mock_api, *reports, callback=None):
        mock_api.get(self.answers.live_orders_url, body=json.dumps(reports), callback=callback)

    def _looked_up(self, mock_api, order, callback=None, **report):
        url = self.answers.order_url(order.exchange_order_id)
        mock_api.get(url, body=json.dumps([self.answers.order(order, **report)]), callback=callback)
        return url

    def _traded(self, mock_api, order, callback, **answer):
        url = self.answers.trades_url(order.exchange_order_id)
        mock_api.get(url, callback=callback, **answer)
        return url

    # The stream

    def order_event_for_new_order_websocket_update(self, order):
        return self.answers.order_event(order, status="open")

    def order_event_for_canceled_order_websocket_update(self, order):
        return self.answers.order_event(order, status="cancelled", code=611)

    def order_event_for_full_fill_websocket_update(self, order):
        return self.answers.order_event(order, status="closed", filled=order.amount)

    def trade_event_for_full_fill_websocket_update(self, order):
        return self.answers.trade_event(order, price=order.price, quantity=order.amount)

    @property
    def balance_event_websocket_update(self):
        # There is no balance event (protocol 8.6): an order event lets a running connector read the balances again.
        body = json.dumps(self.balance_request_mock_response_for_base_and_quote)
        self.venue.get(self.answers.portfolio_url, body=body)
        self.exchange._background.start(self.exchange._balance_loop())
        order = self._order(TradeType.BUY)
        return self.answers.order_event(order, status="cancelled", code=611)
