"""What schemathesis makes of the OpenAPI document, against a real localnet: good requests and bad ones.

Never a 5xx, an answer that is not as described, a hang, or a balance or reservation that a refused request has changed.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import HealthCheck, given, settings
from web3 import HTTPProvider, Web3

from tegro_localnet.openapi.document import describe

DOCUMENT = json.loads(msgspec.json.encode(describe()))
# A good request to these changes the venue for everybody, for as long as it likes; bad ones must change nothing.
STEERING = ("/localnet/chain", "/localnet/clock", "/localnet/latency", "/localnet/rate-limits", "/localnet/markets")
DEADLINE_SECS = 60
EXAMPLES = [
    pytest.param(12, id="short"),
    pytest.param(300, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
]


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield (method, path, mode) of every operation that has good requests, and bad ones."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if "200" not in operation["responses"]:
                continue
            schemas = [parameter["schema"] for parameter in operation.get("parameters", [])]
            if method == "get" or not path.startswith(STEERING):
                yield method.upper(), path, "positive"
            if "requestBody" in operation or any(schema != {"type": "string"} for schema in schemas):
                yield method.upper(), path, "negative"


BALANCE_OF = [
    {
        "name": "balanceOf",
        "type": "function",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]


@pytest.fixture(scope="module")
def http(localnet: Any):
    with httpx.Client(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        yield client


@pytest.fixture(scope="module")
def schema(localnet: Any) -> Any:
    import schemathesis

    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.config.update(base_url=localnet.rest_url)
    return loaded


@pytest.fixture(scope="module")
def owner(localnet: Any, http: httpx.Client) -> str:
    """Return a wallet that has something to lose: tokens, an allowance, and an open order."""
    wallet = localnet.new_wallet({"USDC": Decimal(5000)})
    body = {
        "chain_id": localnet.chain_id,
        "wallet_address": wallet.address,
        "market_symbol": "WETH_USDC",
        "side": "buy",
        "price": "1000.5",
        "amount": "1",
    }
    orders = "/api/v1/trading/market/orders"
    offered = http.post(f"{orders}/typedData/generate", json=body).json()
    data = offered["sign_data"]
    types = {name: members for name, members in data["types"].items() if name != "EIP712Domain"}
    signable = encode_typed_data(data["domain"], types, data["message"])
    signature = Account.from_key(wallet.key).sign_message(signable).signature.to_0x_hex()
    placed = http.post(f"{orders}/place", json=offered["limit_order"] | {"signature": signature})
    assert placed.status_code == 200, placed.text
    return wallet.address


@pytest.fixture
def possessions(localnet: Any, http: httpx.Client, owner: str):
    """Return a reading of what the owner has: on the chain, in the venue's ledger, and in its book."""
    chain = Web3(HTTPProvider(localnet.rpc_url))

    def read() -> Any:
        address = chain.to_checksum_address(localnet.deployment.tokens["USDC"])
        token = chain.eth.contract(address=address, abi=BALANCE_OF)
        on_chain = token.functions.balanceOf(chain.to_checksum_address(owner)).call()
        state = http.get("/localnet/state", params={"limit": 500}).json()
        [wallet] = [each for each in state["wallets"] if each["wallet"] == owner]
        [order] = http.get(f"/api/v1/trading/market/orders/user/{owner}").json()
        return on_chain, wallet, order

    return read


@pytest.fixture(autouse=True)
def everything_works_again(localnet: Any, http: httpx.Client):
    """Take back what a request that was accepted has set."""
    yield
    localnet.faults.clear()
    switches = http.get("/localnet/switches").json()
    usual = {switch["name"]: switch["choices"][0] for switch in switches if not switch["fixed"]}
    assert http.put("/localnet/switches", json=usual).status_code == 200


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize(("method", "path", "mode"), list(operations()))
def test_any_request_is_answered_as_described(
    localnet: Any, schema: Any, possessions: Any, method: str, path: str, mode: str, examples: int
) -> None:
    from schemathesis import GenerationMode, checks
    from schemathesis.specs.openapi import checks as openapi_checks

    operation = schema[path][method]
    wanted = [
        checks.not_a_server_error,
        openapi_checks.status_code_conformance,
        openapi_checks.content_type_conformance,
        openapi_checks.response_schema_conformance,
    ]
    before = possessions()

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=wanted, timeout=DEADLINE_SECS)
        localnet.faults.clear()

    ask()
    assert possessions() == before
