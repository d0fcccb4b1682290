"""Commands that look at the venue: markets, book, trades, balances."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.cli.output import Column, Form, form_of, show_json, show_list, show_table, utc
from tegro.cli.session import (
    AsCsv,
    AsJson,
    ChainName,
    EnvironmentName,
    SignerName,
    WalletAddress,
    public,
    watching,
)
from tegro.model import Balance, BookLevel, Market, Trade

if TYPE_CHECKING:
    from tegro.client import AsyncTegro

Symbol = Annotated[str, typer.Argument(help="Such as WETH_USDC.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")]

MARKET_COLUMNS: Final[Sequence[Column[Market]]] = (
    Column("symbol", lambda market: market.symbol, "market"),
    Column("tick_size", lambda market: market.tick_size, "tick size"),
    Column("lot_size", lambda market: market.lot_size, "lot size"),
    Column("base_token", lambda market: market.base.address, "base token"),
    Column("base_decimals", lambda market: market.base.decimals),
    Column("quote_token", lambda market: market.quote.address, "quote token"),
    Column("quote_decimals", lambda market: market.quote.decimals),
    Column("id", lambda market: market.id),
    Column("chain_id", lambda market: market.chain_id),
    Column("state", lambda market: market.state),
)
TRADE_COLUMNS: Final[Sequence[Column[Trade]]] = (
    Column("time", lambda trade: utc(trade.timestamp_ms), "time"),
    Column("symbol", lambda trade: trade.symbol),
    Column("taker_side", lambda trade: trade.taker_side, "taker"),
    Column("price", lambda trade: trade.price, "price"),
    Column("quantity", lambda trade: trade.quantity, "quantity"),
    Column("state", lambda trade: trade.state, "settlement"),
    Column("tx_hash", lambda trade: trade.tx_hash),
    Column("trade_id", lambda trade: trade.trade_id),
    Column("timestamp_ms", lambda trade: trade.timestamp_ms),
)
BALANCE_COLUMNS: Final[Sequence[Column[Balance]]] = (
    Column("token", lambda balance: balance.token.symbol, "token"),
    Column("total", lambda balance: balance.total, "total"),
    Column("reserved", lambda balance: balance.reserved, "reserved"),
    Column("available", lambda balance: balance.available, "available"),
    Column("address", lambda balance: balance.token.address),
)


def markets(
    env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False, as_csv: AsCsv = False
) -> None:
    """List every verified market."""
    form = form_of(as_json=as_json, as_csv=as_csv)
    show_list(MARKET_COLUMNS, public(env, chain).run(lambda client: client.markets()), form)


def book(
    symbol: Symbol,
    *,
    levels: Annotated[int, typer.Option(min=1, help="Price levels a side.")] = 10,
    follow: Follow = False,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Show a market's order book, the best prices first. With --follow: the best prices each time they change."""
    access = public(env, chain)
    form = form_of(as_json=as_json)
    if follow:
        from tegro.cli.following import follow_book

        access.run(lambda client: follow_book(client, symbol, levels, form))
        return
    snapshot = access.run(lambda client: client.book(symbol))
    bids, asks = snapshot.bids[:levels], snapshot.asks[:levels]
    if form is Form.JSON:
        show_json({"symbol": snapshot.symbol, "timestamp_ms": snapshot.timestamp_ms, "bids": bids, "asks": asks})
        return
    rows = [(*_cells(bid), *reversed(_cells(ask))) for bid, ask in zip_longest(bids, asks)]
    show_table(("bid", "quantity", "quantity", "ask"), rows)


def trades(
    symbol: Symbol,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, at most.")] = 50,
    follow: Follow = False,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a market's latest trades, oldest first."""
    access, form = public(env, chain), form_of(as_json=as_json, as_csv=as_csv)
    if follow:
        from tegro.cli.following import follow_trades, require_lines

        require_lines(form)
        access.run(lambda client: follow_trades(client, symbol, limit, TRADE_COLUMNS, form))
        return

    async def read(client: "AsyncTegro") -> list[Trade]:
        return sorted(await client.public_trades(symbol, limit=limit), key=lambda trade: trade.timestamp_ms)

    show_list(TRADE_COLUMNS, access.run(read), form)


def balances(
    *,
    wallet: WalletAddress = None,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what a wallet holds."""
    form = form_of(as_json=as_json, as_csv=as_csv)
    held = watching(env, chain, signer, wallet).run(lambda client: client.balances())
    show_list(BALANCE_COLUMNS, held, form)


def _cells(level: BookLevel | None) -> tuple[object, object]:
    return (level.price, level.quantity) if level is not None else ("", "")
