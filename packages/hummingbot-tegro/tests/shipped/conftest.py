"""What Hummingbot's shipped connector suite needs to run: a module that its wheel lacks, a venue, and what it says."""

import asyncio
import hashlib
import importlib.util
import json
import re
import sys
import types
import unittest
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import hummingbot
import pytest
import pytest_asyncio
from aiohttp import ClientResponse
from aioresponses import aioresponses
from aioresponses.core import RequestCall, RequestMatch
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_utils import keccak
from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from yarl import URL

from tegro.signer import LocalSigner
from tegro.stream import StreamEvent, read_frame

DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]
ORDER_TYPE = [
    {"name": "baseToken", "type": "address"},
    {"name": "quoteToken", "type": "address"},
    {"name": "price", "type": "uint256"},
    {"name": "totalQuantity", "type": "uint256"},
    {"name": "isBuy", "type": "bool"},
    {"name": "salt", "type": "uint256"},
    {"name": "maker", "type": "address"},
    {"name": "expiryTime", "type": "uint256"},
]
CANCEL_TYPE = [{"name": "orderIds", "type": "string[]"}, {"name": "user", "type": "address"}]
"""Protocol 6.1, 6.2 and 6.4, in the form that eth_account takes."""

_SETTLING_ROUNDS = 50
"""Rounds of the loop after what a test waited for: it waits for a request, and looks at what its answer changed."""

GOLDEN = Path(__file__).parents[3] / "tegro" / "tests" / "golden"


class IsolatedAsyncioWrapperTestCase(unittest.IsolatedAsyncioTestCase):
    """The base class of the shipped suites. Hummingbot keeps it in its own `test` folder, which no wheel contains.

    It runs each test, unaltered, with `venue` in the place of the empty mock that the test's decorator would make.
    """

    venue: "Venue"

    def run_async_with_timeout(self, coroutine, timeout=1.0):
        async def run():
            result = await asyncio.wait_for(coroutine, max(timeout, 30))
            for _ in range(_SETTLING_ROUNDS):
                await asyncio.sleep(0)
            return result

        return asyncio.get_event_loop().run_until_complete(run())

    def _callTestMethod(self, method):  # noqa: N802  (unittest's name)
        undecorated = getattr(method, "__wrapped__", None)
        with self.venue as mock_api:
            super()._callTestMethod(method if undecorated is None else partial(undecorated, self, mock_api))


_WRAPPER = types.ModuleType("test.isolated_asyncio_wrapper_test_case")
_WRAPPER.IsolatedAsyncioWrapperTestCase = IsolatedAsyncioWrapperTestCase
sys.modules[_WRAPPER.__name__] = _WRAPPER


class Answers:
    """What the venue says: the bodies of the protocol description (golden files), with the values of the suite."""

    rest_url = "https://api.tegro.test"
    key = "0x" + hashlib.sha256(b"the wallet of the shipped suite").hexdigest()
    wallet = LocalSigner(key).address
    chain_id = 8453
    exchange_contract = "0xa492c74aac592f7951d98000a602a22157019563"
    base, base_address, base_decimals = "COINALPHA", "0x" + "c0" * 20, 18
    quote, quote_address, quote_decimals = "HBOT", "0x" + "b0" * 20, 6
    base_precision, quote_precision = 6, 4
    symbol = f"{base}_{quote}"
    market_id = f"{chain_id}_{base_address}_{quote_address}"
    order_id = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"
    trade_id = "68a22415-3f6b-4d27-8996-1cbf71d89e5f"
    last_price = Decimal("9999.9")
    maker_fee = Decimal("0.0005")

    chain_list_url = f"{rest_url}/api/v1/exchange/chain/list"
    market_list_url = re.compile(rf"^{re.escape(rest_url)}/api/v1/exchange/{chain_id}/market/list\?")
    ticker_url = f"{rest_url}/api/v1/exchange/{chain_id}/market/{market_id}"
    portfolio_url = f"{rest_url}/api/v1/accounts/{chain_id}/{wallet.lower()}/portfolio"
    place_url = f"{rest_url}/api/v1/trading/market/orders/place"
    propose_url = f"{rest_url}/api/v1/trading/market/orders/typedData/generate"
    cancel_url = f"{rest_url}/api/v1/trading/market/orders/cancel"
    orders_url = f"{rest_url}/api/v1/trading/market/orders/user/{wallet.lower()}"
    live_orders_url = re.compile(rf"^{re.escape(orders_url)}\?.*statuses=active(,|%2C)matched")

    def order_url(self, order_id: str) -> re.Pattern[str]:
        """Return where one order is looked up."""
        return re.compile(rf"^{re.escape(self.orders_url)}\?.*order_id={re.escape(order_id)}(&|$)")

    def trades_url(self, order_id: str) -> str:
        """Return where the fills of an order are."""
        return f"{self.rest_url}/api/v1/trading/market/orders/trades/{order_id}"

    settings = f'[mainnet]\nrest_url = "{rest_url}"\n'
    """A venue of one's own has no node that is known, so nothing is asked of a chain."""

    def standing(self) -> dict:
        """Return what is answered at each address that a test does not speak of."""
        return {
            self.chain_list_url: self.chains(),
            self.market_list_url: [self.market()],
            self.ticker_url: self.market(),
            self.portfolio_url: self.portfolio("1000", "5000000"),
            self.live_orders_url: [],
            # It proposes nothing to sign, so it does not show the form of its orders.
            RequestMatch(self.propose_url, method="POST"): {},
        }

    def chains(self) -> list[dict]:
        """Return the chain list."""
        (row,) = _golden("http_get_chain_list")
        contracts = {"exchange_contract": self.exchange_contract, "default_quote_token_symbol": self.quote}
        return [row | {"id": self.chain_id, "name": "base"} | contracts | self._default_quote()]

    def _default_quote(self) -> dict:
        return {"default_quote_token_contract_address": self.quote_address}

    def market(self, **changes: object) -> dict:
        """Return the market of the suite, as in the list and alone."""
        row = _golden("http_get_market")
        row |= {"id": self.market_id, "symbol": self.symbol, "chainId": self.chain_id}
        row |= {"base_contract_address": self.base_address, "base_symbol": self.base}
        row |= {"base_decimal": self.base_decimals, "base_precision": self.base_precision}
        row |= {"quote_contract_address": self.quote_address, "quote_symbol": self.quote}
        row |= {"quote_decimal": self.quote_decimals, "quote_precision": self.quote_precision}
        row["ticker"] = row["ticker"] | {"price": float(self.last_price)}
        return row | changes

    def portfolio(self, base: str, quote: str | None, placed: str = "0") -> list[dict]:
        """Return a wallet with some of the base token, of which orders hold a part, and perhaps the quote token."""
        quote_row, base_row = _golden("http_get_portfolio")
        base_row |= {"address": self.base_address, "symbol": self.base, "decimal": self.base_decimals}
        quote_row |= {"address": self.quote_address, "symbol": self.quote, "decimal": self.quote_decimals}
        rows = [base_row | {"balance": base, "placed_amount": placed}]
        return rows if quote is None else [*rows, quote_row | {"balance": quote}]

    def order(self, order: InFlightOrder, *, status: str, filled: Decimal = Decimal(0), code: int = 0) -> dict:
        """Return the venue's report of an order."""
        (row,) = _golden("http_get_user_orders")
        row |= {"order_id": order.exchange_order_id, "market_id": self.market_id, "contract_address": self.base_address}
        row |= {"base_currency": self.base, "quote_currency": self.quote, "side": order.trade_type.name.lower()}
        row |= {
            "quantity": f"{order.amount:f}",
            "price": f"{order.price:f}",
            "total": f"{order.amount * order.price:f}",
        }
        row |= {"price_precision": str(int(order.price.scaleb(18)))}
        row |= {"volume_precision": str(int(order.amount.scaleb(self.base_decimals)))}
        row |= {"avg_price": f"{order.price:f}" if filled else "0", "quantity_filled": f"{filled:f}"}
        return row | {"status": status, "cancel": {"reason": "user_cancel" if code else "", "code": code}}

    def trade(self, order: InFlightOrder, *, price: Decimal, quantity: Decimal) -> dict:
        """Return a settled fill of an order that rested in the book."""
        (row,) = _golden("http_get_order_trades")
        row |= {"id": self.trade_id, "symbol": self.symbol, "market_id": self.market_id}
        row |= {"price": f"{price:f}", "amount": f"{quantity:f}", "is_buyer_maker": order.trade_type is TradeType.BUY}
        return row | {"maker": self.wallet.lower(), "maker_fee": f"{self.maker_fee:f}"}

    def order_event(self, order: InFlightOrder, **report: object) -> StreamEvent:
        """Return an order event as the stream gives it, read from a frame."""
        return _event("order_submitted", self.order(order, **report))

    def trade_event(self, order: InFlightOrder, *, price: Decimal, quantity: Decimal) -> StreamEvent:
        """Return the event of a settled fill as the stream gives it, read from a frame."""
        return _event("user_trade_updated", self.trade(order, price=price, quantity=quantity))

    def order_hash(self, signed: dict) -> str:
        """Return the digest of a signed order, as eth_account makes it."""
        signable = self._typed_order(signed)
        return "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex()

    def signer_of(self, body: dict) -> str:
        """Return whose signature the body of an order or a cancel carries, as eth_account recovers it."""
        if "order_ids" in body:
            message = {"orderIds": body["order_ids"], "user": body["user_address"]}
            signable = self._typed("CancelOrder", CANCEL_TYPE, message)
        else:
            signable = self._typed_order(json.loads(body["raw_order_data"]))
        return Account.recover_message(signable, signature=body["signature"])

    def _typed_order(self, signed: dict) -> SignableMessage:
        numbers = {name: int(signed[name]) for name in ("price", "totalQuantity", "salt", "expiryTime")}
        return self._typed("Order", ORDER_TYPE, signed | numbers)

    def _typed(self, name: str, members: list, message: dict) -> SignableMessage:
        domain = {"name": "TegroDEX", "version": "1", "chainId": self.chain_id}
        return encode_typed_data(
            full_message={
                "types": {"EIP712Domain": DOMAIN_TYPE, name: members},
                "primaryType": name,
                "domain": domain | {"verifyingContract": self.exchange_contract},
                "message": message,
            }
        )

    def refusal(self, text: str) -> dict:
        """Return the body of a refusal."""
        return {"error": text}


class Venue(aioresponses):
    """The mock of the suite, of a venue that is there: it answers what a test does not speak of.

    The suite gives an answer for the one request that it knows each step to make. Our client also asks for the chain,
    the markets and the wallet. For an address that a test has given an answer to, that answer alone counts: when it is
    used up, nothing answers there.
    """

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._standing = answers.standing()
        self.configured: list[RequestMatch] = []

    def add(self, url, method="GET", **keywords) -> None:
        self.configured.append(RequestMatch(url, method=method))
        super().add(url, method, **keywords)

    async def match(self, method: str, url: URL, **keywords) -> ClientResponse | None:
        if not any(each.match(method, url) for each in self.configured):
            for standing, body in self._standing.items():
                known = standing if isinstance(standing, RequestMatch) else RequestMatch(standing)
                if known.match(method, url):
                    super().add(url, method, body=json.dumps(body))
                    break
        return await super().match(method, url, **keywords)

    def origin(self, call: RequestCall) -> tuple[str, URL]:
        """Return method and address of a request that was made."""
        return next(key for key, calls in self.requests.items() if any(each is call for each in calls))


def _golden(name: str):
    return json.loads((GOLDEN / f"{name}.json").read_bytes())


def _event(action: str, data: dict) -> StreamEvent:
    (event,) = read_frame(json.dumps({"action": action, "data": data}))
    return event


@pytest.fixture
def answers() -> Answers:
    """Return what the venue says."""
    return Answers()


@pytest.fixture
def venue(answers: Answers) -> Venue:
    """Return a venue that is there, not yet in force: `with venue:`."""
    return Venue(answers)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: Answers) -> Iterator[Path]:
    """Give Hummingbot a folder for its data, and the plug-in settings that name the venue."""
    path = tmp_path / "tegro.toml"
    path.write_text(answers.settings)
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    before = hummingbot._data_path
    hummingbot.set_data_path(str(tmp_path / "data"))
    yield tmp_path
    hummingbot._data_path = before


@pytest.fixture(scope="session")
def venue_class() -> type[Venue]:
    """Return the mock of a venue, for those that answer in another dialect."""
    return Venue


@pytest.fixture(scope="session")
def load_suite():
    """Return what gives the class of a file that fills in a shipped suite, for tests of what it fills in."""

    def load(path: Path, name: str) -> type:
        spec = importlib.util.spec_from_file_location(path.stem.removeprefix("test_"), path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        made = getattr(module, name)
        made.setUpClass()
        return made

    return load


@pytest.fixture(scope="session")
def suite_class(load_suite) -> type:
    """Return the class that fills in the shipped suite."""
    return load_suite(Path(__file__).with_name("test_shipped_exchange_suite.py"), "TestTegroExchange")


@pytest_asyncio.fixture
async def case(suite_class: type, answers: Answers, venue: Venue, host: Path) -> AsyncIterator:
    """Yield the suite's set-up without its tests: a connector, a venue in force, and all hooks."""
    made = suite_class("test_supported_order_types")
    made.answers, made.venue = answers, venue
    with venue:
        made.setUp()
        yield made
        await made.exchange.stop_network()
    # Two cases of one test are equal, and a logger takes no handler that is equal to one that it has.
    for teller in (made.exchange, made.exchange._order_tracker, made.exchange._time_synchronizer):
        teller.logger().removeHandler(made)
