"""The 56 defects of the old connector (protocol 13): each has a test with its number in the name, or a reason.

`docs/defects.md` is the table. Where a defect has no better place for a test, it is here.
"""

import ast
import asyncio
import re
from collections import defaultdict
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from web3 import Web3

from tegro.candles import Interval
from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side, TradeState
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/defects.md"
PROTOCOL = ROOT / "docs/protocol.md"
_ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.MULTILINE)
_FILE = re.compile(r"`(test_\w+\.py)`")
_NUMBERS = re.compile(r"defects?_(\d+(?:_(?:and_)?\d+)*)")
"""`defect_9_`, `defects_2_and_3_`, `defect_19_20_and_22_`."""
_REASON = re.compile(r"no test: \S.{20,}")
_PATCHING = {"patch", "object", "setattr"}
DEADLINE_SECS = 20
CLIENT_ALONE = {1, 2, 3, 13, 55, 56}
"""Signing, number formats, transactions, and the tests: the plug-in has no code for them."""

type Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    """Return every test module of the repository with its syntax tree."""
    paths = [*ROOT.glob("packages/*/tests/**/test_*.py"), *ROOT.glob("tests/**/test_*.py")]
    return [(path, ast.parse(path.read_text())) for path in paths if "node_modules" not in path.parts]


def functions(tree: ast.Module) -> list[Function]:
    found = [node for node in ast.walk(tree) if isinstance(node, Function.__value__)]
    return [node for node in found if node.name.startswith("test_")]


def numbers_of(name: str) -> set[int]:
    return {int(number) for group in _NUMBERS.findall(name) for number in re.findall(r"\d+", group)}


def files_by_defect() -> dict[int, set[str]]:
    """Return the names of the files that have a test of each defect."""
    files = defaultdict(set)
    for path, tree in modules():
        for function in functions(tree):
            for number in numbers_of(function.name):
                files[number].add(path.name)
    return files


def faults_of(page: str, files: dict[int, set[str]]) -> list[str]:
    """Return what is wrong with the table, one sentence for each row."""
    rows = {int(number): rest.split(" | ") for number, rest in _ROW.findall(page)}
    faults = [f"defect {number} has no row" for number in range(1, 57) if number not in rows]
    for number, (_, _, tests) in rows.items():
        named = set(_FILE.findall(tests))
        if not named and not _REASON.fullmatch(tests):
            faults.append(f"defect {number} has neither a test nor a reason")
        faults += [f"{file} has no test of defect {number}" for file in sorted(named - files[number])]
    return faults


# The table


def test_each_defect_has_a_test_that_is_there_or_a_reason():
    assert faults_of(PAGE.read_text(), files_by_defect()) == []


def test_each_defect_that_the_plug_in_could_have_has_a_test_of_the_plug_in():
    tested = {
        number
        for path, tree in modules()
        if "hummingbot-tegro" in path.parts
        for function in functions(tree)
        for number in numbers_of(function.name)
    }
    assert set(range(1, 57)) - tested == CLIENT_ALONE


def test_the_protocol_lists_the_same_defects():
    listed = PROTOCOL.read_text().partition("\n## 13.")[2].partition("\n## 14.")[0]
    assert [int(number) for number, _ in _ROW.findall(listed)] == list(range(1, 57))


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("| 9 | was | is | `test_a.py` |", None),
        ("| 9 | was | is | no test: it lies on the other side of the fence |", None),
        ("| 9 | was | is | `test_a.py`, `test_b.py` |", "test_b.py has no test of defect 9"),
        ("| 9 | was | is |  |", "defect 9 has neither a test nor a reason"),
        ("| 9 | was | is | no test: no |", "defect 9 has neither a test nor a reason"),
        ("", "defect 9 has no row"),
    ],
)
def test_a_row_that_promises_too_much_is_found(row, fault):
    faults = [each for each in faults_of(row, defaultdict(set, {9: {"test_a.py"}})) if "defect 9" in each]
    assert faults == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("test_defect_9_a_maker", {9}),
        ("test_defects_2_and_3_an_amount", {2, 3}),
        ("test_defect_19_20_and_22_every_pair", {19, 20, 22}),
        ("test_defect_41_a_balance_and_defect_42_what_56_orders_hold", {41, 42}),
        ("test_each_market_keeps_its_own_numbers_defect_4", {4}),
        ("test_56_defects", set()),
    ],
)
def test_the_numbers_in_a_name(name, numbers):
    assert numbers_of(name) == numbers


# Defects without a better place


@pytest.fixture
async def traders(localnet):
    """Two funded wallets and a trade between them."""
    variables = {"TEGRO_LOCALNET_REST_URL": localnet.rest_url, "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url}
    environment = Settings.load(None, variables).environment("localnet")
    async with (
        AsyncTegro(environment, signer=LocalSigner(localnet.new_wallet().key)) as maker,
        AsyncTegro(environment, signer=LocalSigner(localnet.new_wallet().key)) as taker,
    ):
        market = await maker.market("WETH_USDC")
        for client, side in ((maker, Side.SELL), (taker, Side.BUY)):
            order = OrderRequest(market=market, side=side, price=Decimal(2000), quantity=Decimal("0.25"))
            assert isinstance(await client.place(order), Accepted)
        yield maker, taker


async def test_defect_54_public_trades_candles_fees_and_balances_of_the_chain_are_there(traders, localnet):
    maker, taker = traders
    market = await maker.market("WETH_USDC")
    async with asyncio.timeout(DEADLINE_SECS):
        while (trade := (await maker.public_trades("WETH_USDC"))[0]).state is not TradeState.SUCCESS:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (trade.price, trade.quantity, trade.taker_side) == (Decimal(2000), Decimal("0.25"), Side.BUY)
    (candle,) = await maker.candles("WETH_USDC", Interval.ONE_WEEK, start_ms=trade.timestamp_ms)
    assert candle.close == Decimal(2000)
    chain = await taker.chain()
    assert chain.fee_percent == Decimal("0.07")
    assert chain.min_order_value_wei > 0
    (state,) = await taker.allowances.state([market.base])
    node = Web3(Web3.HTTPProvider(localnet.rpc_url))
    balance_of = "0x70a08231" + taker.wallet.removeprefix("0x").rjust(64, "0")
    answer = node.eth.call({"to": Web3.to_checksum_address(market.base.address), "data": balance_of})
    assert state.balance_wei == int.from_bytes(answer)


def test_defect_56_no_test_is_empty_and_none_replaces_the_signing():
    empty, replaced = [], []
    for path, tree in modules():
        if path == Path(__file__):
            continue
        empty += [f"{path.name}::{each.name}" for each in functions(tree) if is_empty(each)]
        replaced += [f"{path.name}:{node.lineno}" for node in ast.walk(tree) if replaces_signing(node)]
    assert (empty, replaced) == ([], [])


def test_what_an_empty_test_and_a_replaced_signature_are():
    empty = ast.parse("def test_a():\n    '''Says much.'''\n    pass")
    (function,) = functions(empty)
    assert is_empty(function)
    assert not is_empty(functions(ast.parse("def test_a():\n    assert 1"))[0])
    patched = ast.parse("monkeypatch.setattr(LocalSigner, 'sign_typed', fake)")
    assert any(replaces_signing(node) for node in ast.walk(patched))
    assert not any(replaces_signing(node) for node in ast.walk(ast.parse("setattr(x, 'url', 1); x.sign_typed('a')")))


def is_empty(function: Function) -> bool:
    """Return whether nothing happens in it: `pass`, `...`, a docstring."""
    return all(
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        for statement in function.body
    )


def replaces_signing(node: ast.AST) -> bool:
    """Return whether it is a call that puts something else in the place of a signing function."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    return name in _PATCHING and any("sign" in text for text in texts if isinstance(text, str))
