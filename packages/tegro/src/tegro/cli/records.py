"""Commands that look at what a wallet did: orders and fills."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tegro.cli.output import Column, form_of, show_list, utc
from tegro.cli.progress import progress
from tegro.cli.session import AsCsv, AsJson, ChainName, EnvironmentName, SignerName, WalletAddress, watching
from tegro.model import Fill, Order

if TYPE_CHECKING:
    from tegro.client import AsyncTegro

MarketSymbol = Annotated[str | None, typer.Option("--market", help="Such as WETH_USDC; every market by default.")]


def orders(
    *,
    wallet: WalletAddress = None,
    signer: SignerName = None,
    market: MarketSymbol = None,
    status: Annotated[
        list[str] | None, typer.Option(help="active, completed, cancelled or matched; may be repeated.")
    ] = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a wallet's orders: how much of each is filled, and what holds it."""
    form = form_of(as_json=as_json, as_csv=as_csv)

    async def read(client: "AsyncTegro") -> tuple[list[Order], dict[str, str]]:
        only = await client.market(market) if market is not None else None
        found = await client.orders(statuses=status or (), market=only)
        return found, {each.id: each.symbol for each in await client.markets()}

    found, symbols = watching(env, chain, signer, wallet).run(read)
    show_list(_order_columns(lambda order: symbols.get(order.market_id)), found, form)


def fills(
    *,
    wallet: WalletAddress = None,
    signer: SignerName = None,
    market: MarketSymbol = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a wallet's fills, oldest first."""
    form = form_of(as_json=as_json, as_csv=as_csv)

    async def read(client: "AsyncTegro") -> list[Fill]:
        only = await client.market(market) if market is not None else None
        return await client.fills(market=only)

    with progress("asking for the trades of each order"):
        found = watching(env, chain, signer, wallet).run(read)
    show_list(_FILL_COLUMNS, found, form)


def _order_columns(symbol_of: Callable[[Order], str | None]) -> Sequence[Column[Order]]:
    return (
        Column("order_id", lambda order: order.order_id, "order"),
        Column("symbol", symbol_of, "market"),
        Column("side", lambda order: order.side, "side"),
        Column("price", lambda order: order.price, "price"),
        Column("quantity", lambda order: order.quantity, "quantity"),
        Column("filled", lambda order: order.filled, "filled"),
        Column("pending", lambda order: order.pending, "settling"),
        Column("remaining", lambda order: order.remaining, "open"),
        Column("average_price", lambda order: order.average_price),
        Column("status", lambda order: order.status, "status"),
        Column("cancel_code", lambda order: order.cancel_code),
        Column("cancel_reason", lambda order: order.cancel_reason or None, "why cancelled"),
        Column("order_hash", lambda order: order.order_hash),
        Column("market_id", lambda order: order.market_id),
        Column("time", lambda order: utc(order.timestamp_ms)),
        Column("timestamp_ms", lambda order: order.timestamp_ms),
    )


def _role(fill: Fill) -> str | None:
    if fill.is_maker is None:
        return None
    return "maker" if fill.is_maker else "taker"


_FILL_COLUMNS: Sequence[Column[Fill]] = (
    Column("time", lambda fill: utc(fill.trade.timestamp_ms), "time"),
    Column("symbol", lambda fill: fill.trade.symbol, "market"),
    Column("side", lambda fill: fill.order.side, "side"),
    Column("role", _role, "role"),
    Column("price", lambda fill: fill.trade.price, "price"),
    Column("quantity", lambda fill: fill.trade.quantity, "quantity"),
    Column("fee", lambda fill: fill.fee, "fee"),
    Column("state", lambda fill: fill.trade.state, "settlement"),
    Column("order_id", lambda fill: fill.order.order_id, "order"),
    Column("trade_id", lambda fill: fill.trade.trade_id),
    Column("tx_hash", lambda fill: fill.trade.tx_hash),
    Column("timestamp_ms", lambda fill: fill.trade.timestamp_ms),
)
