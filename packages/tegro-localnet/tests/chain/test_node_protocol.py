"""JSON-RPC itself: batches, wrong requests and wrong parameters, over plain HTTP."""

import json
from urllib.request import Request, urlopen

import pytest


@pytest.fixture
def post(node_url):
    def send(body) -> object:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with urlopen(Request(node_url, data=raw, headers={"Content-Type": "application/json"}), timeout=10) as answer:
            return json.loads(answer.read())

    return send


def request(method, *params, identity=1) -> dict:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)}


def test_a_batch_is_answered_in_order_and_one_failure_stops_no_other(post) -> None:
    answers = post([request("eth_chainId", identity="a"), request("nonsense", identity=2), request("net_version")])
    assert answers == [
        {"jsonrpc": "2.0", "id": "a", "result": "0x7a69"},
        {
            "jsonrpc": "2.0",
            "id": 2,
            "error": {"code": -32601, "message": "the method nonsense does not exist/is not available"},
        },
        {"jsonrpc": "2.0", "id": 1, "result": "31337"},
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
def test_what_is_no_json_gets_a_parse_error(post, body) -> None:
    assert post(body)["error"]["code"] == -32700


@pytest.mark.parametrize("body", [[], 7, "eth_chainId", {}, {"method": 5}, {"method": "eth_chainId", "params": "x"}])
def test_what_is_no_request_is_refused(post, body) -> None:
    assert post(body)["error"] == {"code": -32600, "message": "invalid request"}


def test_parameters_may_be_missing_where_there_are_none(post) -> None:
    assert post({"id": 1, "method": "eth_chainId"})["result"] == "0x7a69"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", ["0x12"]),
        ("eth_getBalance", [5]),
        ("eth_getBalance", ["0x" + "zz" * 20]),
        ("eth_getBalance", ["0x" + "11" * 20, "newest"]),
        ("eth_getBalance", ["0x" + "11" * 20, "latest", 1]),
        ("eth_call", ["0x"]),
        ("eth_call", [{"to": "0x" + "11" * 20, "data": 5}]),
        ("eth_call", [{"to": "0x" + "11" * 20, "value": "7"}]),
        ("eth_sendRawTransaction", ["1234"]),
        ("eth_getTransactionReceipt", ["0x1234"]),
        ("eth_getLogs", [{"topics": "0x"}]),
        ("eth_getLogs", [{"address": ["0x12"]}]),
        ("eth_getLogs", []),
    ],
)
def test_wrong_parameters_are_named(post, method, params) -> None:
    error = post(request(method, *params))["error"]
    assert error["code"] == -32602
    assert error["message"].startswith(("invalid argument", f"wrong number of arguments for {method}"))


@pytest.mark.parametrize("raw", ["0x", "0x02", "0x05c0", "0xc0", "0x02f8" + "00" * 40])
def test_an_unreadable_transaction_is_refused(post, raw) -> None:
    error = post(request("eth_sendRawTransaction", raw))["error"]
    assert error["code"] == -32000
    assert error["message"].startswith("invalid transaction")


def test_blocks_by_tag_hash_and_object(post) -> None:
    latest = post(request("eth_getBlockByNumber", "latest", False))["result"]
    assert post(request("eth_getBlockByHash", latest["hash"], True))["result"]["number"] == latest["number"]
    assert post(request("eth_getBlockByNumber", "earliest", False))["result"]["number"] == "0x0"
    assert post(request("eth_getBlockByHash", "0x" + "00" * 32, False))["result"] is None
    wallet = "0x" + "11" * 20
    for block in (latest["number"], "safe", "finalized", {"blockHash": latest["hash"]}, {"blockNumber": "0x0"}):
        assert int(post(request("eth_getBalance", wallet, block))["result"], 16) >= 0
