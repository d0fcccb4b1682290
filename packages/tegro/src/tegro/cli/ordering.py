"""Commands that trade: place, market, cancel, and finding out what became of orders."""

import re
import time
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec.structs import replace

from tegro.cli.asking import confirm
from tegro.cli.output import Form, form_of, plain, show_json, tell
from tegro.cli.progress import progress
from tegro.cli.reading import Symbol
from tegro.cli.records import MarketSymbol
from tegro.cli.session import AsJson, ChainName, EnvironmentName, SignerName, Yes, signing
from tegro.errors import InvalidInput, TegroError
from tegro.model import Market, OrderRequest, OrderType, Side

if TYPE_CHECKING:
    from tegro.cli.session import Access
    from tegro.client import AsyncTegro
    from tegro.market_plan import MarketPlan
    from tegro.outcome import CancelOutcome

app = typer.Typer(no_args_is_help=True, help="Place and cancel orders, and find out what became of them.")

_PLAIN: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
"""A number as people write one. `Decimal` would also read `1_000`, digits of other scripts, and `NaN`."""

SideArgument = Annotated[Side, typer.Argument()]
Quantity = Annotated[str, typer.Argument(help="In base.")]
ClientOrderId = Annotated[
    str | None,
    typer.Option(help="Your own name for the order, kept in the journal; an order is not placed twice under one."),
]
OrderHash = Annotated[str, typer.Argument(help="The order's hash, as it was printed.")]


@app.command()
def place(
    symbol: Symbol,
    side: SideArgument,
    quantity: Quantity,
    price: Annotated[str, typer.Argument(help="Limit price, quote per base.")],
    *,
    order_type: Annotated[
        str, typer.Option("--type", help="limit, or limit_maker: refused here if it would trade at once.")
    ] = "limit",
    client_order_id: ClientOrderId = None,
    expires_in: Annotated[
        int | None, typer.Option(min=1, help="Seconds until it expires. [default: order_expiry_secs of the settings]")
    ] = None,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Sign a limit order and send it. Exit code 1: refused; 3: it may be live, do not send it again."""
    from tegro.cli.answers import finish, show_placed

    kind, amount, limit = _limit_type(order_type), decimal_of(quantity, "quantity"), decimal_of(price, "price")
    access = signing(env, chain, signer)
    lifetime_secs = access.environment.order_expiry_secs if expires_in is None else expires_in

    async def look(client: "AsyncTegro") -> OrderRequest:
        market = await client.market(symbol)
        request = OrderRequest(
            market=market,
            side=side,
            price=limit,
            quantity=amount,
            order_type=kind,
            client_order_id=client_order_id,
        )
        await _look_before(client, request)
        return request

    with progress("reading the market"):
        request = access.run(look)
    confirm(_order_statement(access, request, lifetime_secs), is_agreed=yes)
    if expires_in is not None:
        # Counted from here: a person may have thought for long.
        request = replace(request, expiry_time=int(time.time()) + expires_in)
    finish(show_placed(access.run(lambda client: client.place(request)), form_of(as_json=as_json)))


@app.command()
def market(
    symbol: Symbol,
    side: SideArgument,
    quantity: Quantity,
    *,
    max_slippage_bps: Annotated[
        int | None, typer.Option(help="How much worse than the best price, in basis points; the settings by default.")
    ] = None,
    client_order_id: ClientOrderId = None,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Buy or sell through the book at once, and cancel what does not match. Exit codes as in place."""
    from tegro.cli.answers import finish, show_market

    amount = decimal_of(quantity, "quantity")
    access = signing(env, chain, signer)
    cap_bps = access.environment.max_slippage_bps if max_slippage_bps is None else max_slippage_bps

    async def look(client: "AsyncTegro") -> "tuple[Market, MarketPlan]":
        found = await client.market(symbol)
        await _take_up(client, client_order_id)
        return found, await _plan(client, found, side, amount, cap_bps)

    with progress("reading the book"):
        found, plan = access.run(look)
    statement = (
        f"a market order on {_where(access)}: {side} {plain(plan.quantity)} {found.base.symbol} for about "
        f"{plain(plan.notional)} {found.quote.symbol} as the book is now, at {plan.average_price:.10g} on average and "
        f"at most {cap_bps} basis points from the best price; {len(plan.slices)} orders are signed"
    )
    confirm(statement, is_agreed=yes)
    with progress("trading"):
        result = access.run(
            lambda client: client.place_market(
                found, side, amount, max_slippage_bps=cap_bps, client_order_id=client_order_id
            )
        )
    finish(show_market(result, form_of(as_json=as_json)))


@app.command()
def cancel(
    orders: Annotated[list[str] | None, typer.Argument(help="Ids from tegro orders, or one hash.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All open orders of the wallet on this chain.")] = False,
    on_market: MarketSymbol = None,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Cancel orders. Exit code 1: refused; 3: not known, may be repeated."""
    from tegro.cli.answers import finish, show_cancelled

    if bool(orders) == every:
        raise InvalidInput("give order ids to cancel, or --all")
    if on_market is not None and not every:
        raise InvalidInput("--market goes with --all")
    access = signing(env, chain, signer)
    confirm(_cancel_statement(access, orders or [], on_market), is_agreed=yes)

    async def task(client: "AsyncTegro") -> "CancelOutcome":
        if orders and len(orders) == 1 and orders[0].startswith("0x"):
            return await client.cancel_by_hash(orders[0].lower())
        if orders:
            return await client.cancel(orders)
        await know_markets(client)
        return await client.cancel_all(await client.market(on_market) if on_market is not None else None)

    finish(show_cancelled(access.run(task), form_of(as_json=as_json)))


@app.command()
def resolve(
    order_hash: OrderHash,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Find out what became of an order; up to a minute. Exit code 1: it will not execute; 3: still not known."""
    from tegro.cli.answers import document, finish, resolved_code, resolved_sentence

    access, form = signing(env, chain, signer), form_of(as_json=as_json)
    with progress("looking for the order"):
        found = access.run(lambda client: client.resolve(order_hash.lower()))
    if form is Form.JSON:
        show_json(document(found))
    else:
        typer.echo(resolved_sentence(found))
    finish(resolved_code(found))


@app.command()
def resume(
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Take up every order that the journal has left open; up to a minute. Exit code 3: some are still not known."""
    from tegro.cli.answers import DONE, UNKNOWN, document, finish, resolved_code, resolved_sentence

    access, form = signing(env, chain, signer), form_of(as_json=as_json)
    with progress("looking for orders of unknown fate"):
        found = access.run(lambda client: client.resume())
    if form is Form.JSON:
        show_json([document(each) for each in found])
    else:
        for each in found:
            typer.echo(resolved_sentence(each))
        typer.echo(f"{len(found)} orders were left open")
    finish(UNKNOWN if UNKNOWN in map(resolved_code, found) else DONE)


def decimal_of(text: str, what: str) -> Decimal:
    """Return a number that a person typed.

    Raises
    ------
    InvalidInput
        If it is not written with ASCII digits and a point; `what` names it.
    """
    if not _PLAIN.fullmatch(text):
        raise InvalidInput(f"{what} must be a plain number such as 0.5, was {text[:40]!r}")
    return Decimal(text)


async def know_markets(client: "AsyncTegro") -> None:
    """Let the client read its markets, where it can, so that it can count what the orders it meets hold."""
    with suppress(TegroError):
        await client.markets()


async def _take_up_open_orders(client: "AsyncTegro") -> None:
    """Find out about the orders that earlier runs have left open, and say what became of each."""
    from tegro.cli.answers import resolved_sentence
    from tegro.journal import UNRESOLVED, EntryState

    left = client.journal.entries(states=UNRESOLVED | {EntryState.ACCEPTED}, maker=client.wallet)
    here = [entry for entry in left if entry.chain_id == client.environment.chain_id]
    if not any(entry.state in UNRESOLVED or entry.cancel_wanted for entry in here):
        return
    for each in await client.resume():
        tell(f"from an earlier run: {resolved_sentence(each)}")


async def _take_up(client: "AsyncTegro", client_order_id: str | None) -> None:
    """Do what comes before every new order."""
    from tegro.journal import EntryState

    await _take_up_open_orders(client)
    if client_order_id is None:
        return
    known = client.journal.find_by_client_order_id(client_order_id)
    if known is not None and known.state is not EntryState.REJECTED:
        raise InvalidInput(
            f"the journal has an order named {client_order_id!r} already ({known.state}, hash {known.order_hash}); "
            "choose another name"
        )


async def _look_before(client: "AsyncTegro", request: OrderRequest) -> None:
    """Refuse what cannot be right before anybody is asked, and warn of what gives money away."""
    from tegro.market_plan import give_away_warning
    from tegro.order_terms import require_minimum_value

    market = request.market
    require_minimum_value(market, request.price, request.quantity, await client.chain())
    await _take_up(client, request.client_order_id)
    if request.side is Side.SELL:
        book = await client.fresh_book(market)
        warning = give_away_warning(
            book.bids(), market=market, side=request.side, price=request.price, quantity=request.quantity
        )
        if warning is not None:
            tell(f"warning: {warning}")


async def _plan(
    client: "AsyncTegro", market: Market, side: Side, quantity: Decimal, max_slippage_bps: int
) -> "MarketPlan":
    from tegro.market_plan import plan_market_order
    from tegro.order_terms import minimum_value_wei

    chain, book = await client.chain(), await client.fresh_book(market)
    return plan_market_order(
        book.asks() if side is Side.BUY else book.bids(),
        market=market,
        side=side,
        quantity=quantity,
        max_slippage_bps=max_slippage_bps,
        min_value_wei=minimum_value_wei(market, chain),
    )


def _limit_type(name: str) -> OrderType:
    if name not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        raise InvalidInput(f"--type must be limit or limit_maker, was {name!r}; for a market order: tegro order market")
    return OrderType(name)


def _order_statement(access: "Access", request: OrderRequest, lifetime_secs: int) -> str:
    market = request.market
    value_wei = market.quote_wei(market.price_e18(request.price), market.quantity_wei(request.quantity))
    value = f"{market.quote.from_wei(value_wei):f} {market.quote.symbol}"
    life = f"expires in {lifetime_secs} s" if lifetime_secs else "never expires"
    return (
        f"a {request.order_type} order on {_where(access)}: {request.side} {plain(request.quantity)} "
        f"{market.base.symbol} at {plain(request.price)}, worth {value}; it {life}"
    )


def _cancel_statement(access: "Access", orders: list[str], on_market: str | None) -> str:
    named = ", ".join(orders) or (f"every open order on {on_market}" if on_market is not None else "every open order")
    return f"cancelling on {_where(access)}: {named}"


def _where(access: "Access") -> str:
    wallet = access.signer.address if access.signer is not None else "no wallet"
    return f"{access.environment.name} ({access.environment.chain}) from {wallet}"
