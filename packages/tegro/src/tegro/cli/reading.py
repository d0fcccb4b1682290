"""Commands that look: markets, book, balances, orders."""

from itertools import zip_longest
from typing import Annotated

import typer

from tegro.cli.output import show_json, show_table
from tegro.cli.session import AsJson, ChainName, EnvironmentName, WalletAddress, run
from tegro.model import BookLevel


def markets(env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False) -> None:
    """List every verified market."""
    found = run(env, chain, lambda client: client.markets())
    if as_json:
        show_json(found)
        return
    show_table(
        ("market", "tick size", "lot size", "base token", "quote token"),
        [(each.symbol, each.tick_size, each.lot_size, each.base.address, each.quote.address) for each in found],
    )


def book(
    symbol: Annotated[str, typer.Argument(help="Such as WETH_USDC.")],
    levels: Annotated[int, typer.Option(min=1, help="Price levels a side.")] = 10,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Show a market's order book, the best prices first."""
    snapshot = run(env, chain, lambda client: client.book(symbol))
    bids, asks = snapshot.bids[:levels], snapshot.asks[:levels]
    if as_json:
        show_json({"symbol": snapshot.symbol, "timestamp_ms": snapshot.timestamp_ms, "bids": bids, "asks": asks})
        return
    rows = [(*_cells(bid), *reversed(_cells(ask))) for bid, ask in zip_longest(bids, asks)]
    show_table(("bid", "quantity", "quantity", "ask"), rows)


def balances(
    wallet: WalletAddress = None, env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False
) -> None:
    """Show what a wallet holds."""
    held = run(env, chain, lambda client: client.balances(wallet))
    if as_json:
        show_json(held)
        return
    show_table(
        ("token", "total", "reserved", "available"),
        [(each.token.symbol, each.total, each.reserved, each.available) for each in held],
    )


def orders(
    wallet: WalletAddress = None,
    status: Annotated[
        list[str] | None, typer.Option(help="active, completed, cancelled or matched; may be repeated.")
    ] = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """List a wallet's orders."""
    found = run(env, chain, lambda client: client.orders(wallet, statuses=status or ()))
    if as_json:
        show_json(found)
        return
    show_table(
        ("order", "side", "price", "quantity", "filled", "pending", "status"),
        [(o.order_id, o.side, o.price, o.quantity, o.filled, o.pending, o.status) for o in found],
    )


def _cells(level: BookLevel | None) -> tuple[object, object]:
    return (level.price, level.quantity) if level is not None else ("", "")
