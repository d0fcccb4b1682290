"""A random session: nothing is created, nothing is lost, and every source tells the same story."""

import asyncio
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from tegro_localnet.config import LocalnetConfig

SYMBOL = "WETH_USDC"
FUNDS = {"WETH": "50", "USDC": "5000"}


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle only when a test says so."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000)


def wei(symbol: str, amount: str | int | Decimal) -> int:
    return int(Decimal(str(amount)).scaleb({"WETH": 18, "USDC": 6}[symbol]))


def settle(localnet: Any) -> int:
    return localnet.call(localnet.localnet.settlement.settle_batch())


async def play(rng: random.Random, traders: list[Any], localnet: Any) -> None:
    """Place, cancel and settle at random."""
    for _ in range(60):
        who = rng.choice(traders)
        dice = rng.random()
        if dice < 0.15:
            settle(localnet)
        elif dice < 0.3:
            orders = await who.orders(statuses="open")
            if orders:
                await who.cancel(rng.choice(orders)["order_id"])
        else:
            price = f"{95 + rng.randint(0, 1000) / 100:.2f}"
            quantity = f"{rng.randint(30_000, 2_000_000) / 10**6:.6f}"
            body = who.place_body(SYMBOL, who.order_message(SYMBOL, rng.choice(("buy", "sell")), price, quantity))
            await who.api.post("/api/v1/trading/market/orders/place", body)


async def all_trades(trader: Any) -> dict[str, dict[str, Any]]:
    found = {}
    for order in await trader.orders(page_size=500):
        for trade in await trader.trades(order["order_id"]):
            found[trade["id"]] = trade
    return found


def reported_change(wallet: str, trades: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Return what the venue's reports say a wallet has gained and paid, fees included."""
    change: dict[str, int] = defaultdict(int)
    for trade in trades.values():
        base, quote = wei("WETH", trade["amount"]), wei("USDC", Decimal(trade["price"]) * Decimal(trade["amount"]))
        buyer_role, seller_role = ("maker", "taker") if trade["is_buyer_maker"] else ("taker", "maker")
        if trade[buyer_role] == wallet:
            change["WETH"] += base - wei("WETH", trade[f"{buyer_role}_fee"])
            change["USDC"] -= quote
        if trade[seller_role] == wallet:
            change["WETH"] -= base
            change["USDC"] += quote - wei("USDC", trade[f"{seller_role}_fee"])
    return change


SEEDS = [*range(1, 4), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 104))]


@pytest.mark.parametrize("seed", SEEDS)
async def test_reports_and_chain_agree_to_the_wei_and_supply_is_conserved(
    localnet: Any, trader: Any, chain: Any, api: Any, seed: int
) -> None:
    traders = [trader(FUNDS) for _ in range(3)]
    fees_before = {symbol: chain.balance_wei(symbol, localnet.deployment.fee_recipient) for symbol in FUNDS}
    await play(random.Random(seed), traders, localnet)
    while settle(localnet):
        pass
    total_trades = 0
    for who in traders:
        trades = await all_trades(who)
        total_trades += len(trades)
        assert {trade["state"] for trade in trades.values()} <= {"success"}
        change = reported_change(who.wallet, trades)
        for symbol, funds in FUNDS.items():
            assert chain.balance_wei(symbol, who.wallet) == wei(symbol, funds) + change[symbol]
        await check_placed_amounts(who, api)
    assert total_trades > 10, "the session must have traded to prove anything"
    for symbol, funds in FUNDS.items():
        held = sum(chain.balance_wei(symbol, who.wallet) for who in traders)
        fees = chain.balance_wei(symbol, localnet.deployment.fee_recipient) - fees_before[symbol]
        assert held + fees == 3 * wei(symbol, funds)
    for who in traders:
        orders = await who.orders(statuses="open")
        if orders:
            await who.cancel(*(order["order_id"] for order in orders))


async def check_placed_amounts(who: Any, api: Any) -> None:
    """Compare what the portfolio holds back with what the open orders need."""
    need = {"WETH": Decimal(0), "USDC": Decimal(0)}
    for order in await who.orders(statuses="open", page_size=500):
        left = Decimal(order["quantity"]) - Decimal(order["quantity_filled"])
        if order["side"] == "sell":
            need["WETH"] += left
        else:
            need["USDC"] += Decimal(wei("USDC", left * Decimal(order["price"]))).scaleb(-6)
    _, entries = await api.get(f"/api/v1/accounts/{who.localnet.chain_id}/{who.wallet}/portfolio")
    placed = {entry["symbol"]: Decimal(str(entry["placed_amount"])) for entry in entries}
    assert {symbol: placed[symbol] for symbol in need} == need


async def test_what_is_free_never_dips_while_a_settlement_is_on_its_way(localnet: Any, trader: Any) -> None:
    seller, buyer = trader({"WETH": "5"}), trader({"USDC": "1000"})
    for _ in range(20):
        await seller.place(SYMBOL, "sell", "100", "0.05")
    await buyer.place(SYMBOL, "buy", "100", "1")
    inner = localnet.localnet
    holding = inner.venue.ledger.holding(seller.wallet, localnet.deployment.tokens["WETH"])
    seen = set()

    async def watch() -> None:
        settlement = asyncio.create_task(inner.settlement.settle_batch())
        while not settlement.done():
            await inner.mirror.refresh([(seller.wallet, localnet.deployment.tokens["WETH"])])
            seen.add((holding.balance_wei, holding.reserved_wei))
        await settlement
        seen.add((holding.balance_wei, holding.reserved_wei))

    localnet.call(watch())
    assert seen == {(5 * 10**18, 10**18), (4 * 10**18, 0)}
