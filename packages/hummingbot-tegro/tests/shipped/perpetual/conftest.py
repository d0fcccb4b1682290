"""What a perpetual venue says to Hummingbot's shipped suite, in the dialect of Binance USD-M futures."""

import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from aioresponses import CallbackResult
from aioresponses.core import normalize_url
from hummingbot.core.data_type.common import PositionAction, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from yarl import URL

from tegro.perpetual.events import read_combined, read_event

FUNDING_MS = 1657110053


class PerpetualAnswers:
    """Bodies and frames of the dialect (`docs/perpetual.md`), with the values of the suite."""

    rest_url = "https://perpetual.tegro.test"
    key = "key-of-the-shipped-suite"
    secret = hashlib.sha256(b"the account of the shipped suite").hexdigest()
    settings = f'[perpetual.mainnet]\nrest_url = "{rest_url}"\nconfirmed_host = "{rest_url.removeprefix("https://")}"\n'
    base, quote, symbol = "COINALPHA", "HBOT", "COINALPHAHBOT"
    order_id, trade_id = 5881667, 90017
    last_price = Decimal("9999.9")
    fee = Decimal("0.5")
    own_id = "the client order id of the request"
    """Stands in an answer for the id that its request names."""

    def url(self, path: str, **query: object) -> re.Pattern[str]:
        """Return the address of an endpoint, with these members in its query."""
        named = "".join(rf"(?=.*[?&]{name}={re.escape(str(value))}(&|$))" for name, value in query.items())
        return re.compile(rf"^{re.escape(self.rest_url)}/fapi/{re.escape(path)}(?=\?|$){named}")

    def order_url(self, order: InFlightOrder) -> re.Pattern[str]:
        """Return where an order is looked up and cancelled."""
        return self.url("v1/order", origClientOrderId=order.client_order_id)

    def standing(self) -> dict:
        """Return what is answered at each address that a test does not speak of."""
        funding = {"symbol": self.symbol, "fundingRate": "100", "fundingTime": FUNDING_MS}
        return {
            self.url("v1/time"): {"serverTime": 1640780000000},
            self.url("v1/exchangeInfo"): self.contracts(),
            self.url("v1/positionSide/dual"): {"dualSidePosition": False},
            self.url("v2/account"): self.account("1000", "5000000"),
            self.url("v2/positionRisk"): [],
            self.url("v1/openOrders"): [],
            self.url("v1/fundingRate"): [funding],
        }

    def contracts(self, **changes: object) -> dict:
        """Return the list of contracts, which is the one of the suite."""
        rules = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.0001", "maxPrice": "1000000", "tickSize": "0.0001"},
            {"filterType": "LOT_SIZE", "minQty": "0.000001", "maxQty": "100000", "stepSize": "0.000001"},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ]
        contract = {"symbol": self.symbol, "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": self.base}
        contract |= {"quoteAsset": self.quote, "marginAsset": self.quote, "filters": rules}
        return {"symbols": [contract | changes]}

    def account(self, base: str, quote: str | None, available: str | None = None) -> dict:
        """Return an account that holds some of the base asset, of which a part is free, and perhaps the quote asset."""
        held = {self.base: (base, available or base)} | ({} if quote is None else {self.quote: (quote, quote)})
        rows = [
            {"asset": asset, "walletBalance": wallet, "availableBalance": free, "marginBalance": wallet}
            for asset, (wallet, free) in held.items()
        ]
        return {"assets": rows}

    def order(self, order: InFlightOrder, *, status: str, filled: Decimal = Decimal(0)) -> dict:
        """Return the venue's report of an order."""
        return {
            "orderId": int(order.exchange_order_id),
            "clientOrderId": order.client_order_id,
            "symbol": self.symbol,
            "status": status,
            "side": order.trade_type.name,
            "type": "LIMIT",
            "updateTime": 1640780000000,
            "positionSide": "BOTH",
            "timeInForce": "GTC",
            "price": f"{order.price:f}",
            "avgPrice": f"{order.price:f}" if filled else "0",
            "origQty": f"{order.amount:f}",
            "executedQty": f"{filled:f}",
            "reduceOnly": order.position is PositionAction.CLOSE,
        }

    def trade(self, order: InFlightOrder, *, price: Decimal, quantity: Decimal) -> dict:
        """Return a fill of an order that rested in the book."""
        return {
            "id": self.trade_id,
            "orderId": int(order.exchange_order_id),
            "symbol": self.symbol,
            "side": order.trade_type.name,
            "price": f"{price:f}",
            "qty": f"{quantity:f}",
            "commission": f"{self.fee:f}",
            "commissionAsset": self.quote,
            "realizedPnl": "0",
            "maker": True,
            "time": 1640780000000,
            "positionSide": "BOTH",
        }

    def refusal(self, code: int, text: str) -> str:
        """Return the body of a refusal (dialect 1.9)."""
        return json.dumps({"code": code, "msg": text})

    def order_event(self, order: InFlightOrder, *, status: str, filled: Decimal = Decimal(0)) -> object:
        """Return an order event as the stream gives it, read from a frame (dialect 8.1); with a fill if it filled."""
        trade = {"l": f"{filled:f}", "L": f"{order.price:f}", "t": self.trade_id, "n": f"{self.fee:f}", "N": self.quote}
        nothing = {"l": "0", "L": "0", "t": 0, "n": "0", "N": None}
        told = {"s": self.symbol, "c": order.client_order_id, "S": order.trade_type.name, "o": "LIMIT", "f": "GTC"}
        told |= {"q": f"{order.amount:f}", "p": f"{order.price:f}", "ap": "0", "X": status, "z": f"{filled:f}"}
        told |= {"i": int(order.exchange_order_id), "T": 1640780000000, "m": True, "R": False, "ps": "BOTH"}
        told |= trade if filled else nothing
        return read_event(json.dumps({"e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1640780000000, "o": told}))

    def account_event(self, balances: list[dict], positions: list[dict]) -> object:
        """Return an account event as the stream gives it (dialect 8.2)."""
        account = {"m": "ORDER", "B": balances, "P": positions}
        return read_event(json.dumps({"e": "ACCOUNT_UPDATE", "E": 1, "T": 1, "a": account}))

    def position_event(self, order: InFlightOrder, unrealized: object) -> object:
        """Return the event of the position that an order has opened."""
        signed = order.amount if order.trade_type is TradeType.BUY else -order.amount
        position = {
            "s": self.symbol,
            "pa": f"{signed:f}",
            "ep": f"{order.price:f}",
            "up": str(unrealized),
            "ps": "BOTH",
        }
        return self.account_event([], [position])

    def mark_event(self, **members: object) -> object:
        """Return the event of mark price and funding (dialect 6.4)."""
        data = {"e": "markPriceUpdate", "E": 1, "s": self.symbol} | members
        return read_combined(json.dumps({"stream": "any", "data": data}))


@pytest.fixture
def answers() -> PerpetualAnswers:
    """Return what the venue says."""
    return PerpetualAnswers()


@pytest.fixture
def venue(answers, venue_class):
    """Return a perpetual venue that is there, not yet in force: `with venue:`."""

    class PerpetualVenue(venue_class):
        """A mock that keeps each address as it was sent, since a signature is over its very text."""

        def __init__(self) -> None:
            super().__init__(answers)
            self.sent: list[str] = []

        async def _request_mock(self, orig_self, method, url, *args, **kwargs):
            self.sent.append(str(url))
            return await super()._request_mock(orig_self, method, url, *args, **kwargs)

        def as_sent(self, url: URL) -> list[str]:
            """Return the texts of an address that the mock has put into order."""
            return [each for each in self.sent if normalize_url(each) == url]

        def add(self, url, method="GET", **keywords) -> None:
            body, status = keywords.get("body", ""), keywords.get("status", 200)
            if status == 400 and not body:
                # Every refusal of the dialect has a code; one without is no definite answer.
                keywords["body"] = answers.refusal(-2019, "Margin is insufficient.")
            if answers.own_id in body:
                keywords["callback"] = _echoing(keywords.get("callback"), body, answers.own_id)
            super().add(url, method, **keywords)

    return PerpetualVenue()


def _echoing(tell, body: str, placeholder: str):
    def answer(url, **request):
        if tell is not None:
            tell(url, **request)
        (own_id,) = parse_qs(request["data"].decode())["newClientOrderId"]
        return CallbackResult(body=body.replace(placeholder, own_id))

    return answer


@pytest.fixture(scope="session")
def suite_class(load_suite) -> type:
    """Return the class that fills in the shipped perpetual suite."""
    return load_suite(Path(__file__).with_name("test_shipped_perpetual_suite.py"), "TestTegroPerpetual")
