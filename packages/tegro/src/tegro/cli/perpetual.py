"""Commands for perpetual contracts: `tegro perp ...`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.cli.asking import confirm
from tegro.cli.ordering import decimal_of
from tegro.cli.output import Column, Form, form_of, plain, say, show_json, show_list, tell, utc
from tegro.cli.perpetual_session import EnvironmentName, Symbol, load, public, signing, writable_settings
from tegro.cli.session import AsCsv, AsJson, Yes
from tegro.errors import InvalidInput
from tegro.model import OrderType, Side

if TYPE_CHECKING:
    from tegro.perpetual import AsyncPerpetual, Contract, PerpetualOrder, Position, PositionSide
    from tegro.perpetual.model import Income, MarginBalance
    from tegro.perpetual.outcome import CancelOutcome, PlaceOutcome

app = typer.Typer(
    no_args_is_help=True,
    help="Perpetual contracts, in the dialect of Binance USD-M futures. Proven on localnet only: no public API of "
    "Tegro's own futures is known.",
)

_REFUSED: Final = 1
_UNKNOWN: Final = 3
_WORDS: Final = {"one-way": "one_way", "hedge": "hedge"}
_ORDER_COLUMNS: Final[Sequence[Column["PerpetualOrder"]]] = (
    Column("client_order_id", lambda order: order.client_order_id, "client order id"),
    Column("order_id", lambda order: order.order_id),
    Column("symbol", lambda order: order.symbol, "contract"),
    Column("side", lambda order: order.side.value, "side"),
    Column("position_side", lambda order: order.position_side.value, "position"),
    Column("price", lambda order: order.price, "price"),
    Column("quantity", lambda order: order.quantity, "quantity"),
    Column("filled", lambda order: order.filled, "filled"),
    Column("state", lambda order: order.state.value, "state"),
    Column("reduce_only", lambda order: order.reduce_only),
)


@app.command("confirm")
def confirm_environment(*, yes: Yes = False, env: EnvironmentName = "testnet") -> None:
    """Confirm, once, that signed requests may go to the host of an environment."""
    from tegro.perpetual import confirm_host

    environment = load(env)
    if not environment.needs_confirmation:
        tell(f"nothing to confirm: signed requests may go to {environment.host} already")
        return
    statement = f"signed requests, which carry your API key, may go to {environment.rest_url} from now on"
    confirm(statement, is_agreed=yes)
    path = writable_settings()
    confirm_host(path, environment)
    tell(f"{environment.host} is confirmed in {path}")


@app.command()
def contracts(*, env: EnvironmentName = "testnet", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the contracts and the rules of their orders."""
    found = public(env).run(lambda client: client.contracts())
    columns: Sequence[Column[Contract]] = (
        Column("symbol", lambda each: each.symbol, "contract"),
        Column("is_trading", lambda each: each.is_trading, "trading"),
        Column("tick_size", lambda each: each.tick_size, "tick size"),
        Column("lot_size", lambda each: each.lot_size, "lot size"),
        Column("min_quantity", lambda each: each.min_quantity, "least quantity"),
        Column("min_notional", lambda each: each.min_notional, "least notional"),
        Column("margin_asset", lambda each: each.margin_asset, "margin"),
    )
    show_list(columns, found, form_of(as_json=as_json, as_csv=as_csv))


@app.command()
def mark(symbol: Symbol, *, env: EnvironmentName = "testnet", as_json: AsJson = False) -> None:
    """Show mark and index price and the coming funding."""
    told = public(env).run(lambda client: client.mark_price(symbol.upper()))
    if as_json:
        show_json(told)
        return
    rate = plain(told.funding_rate * 100)
    typer.echo(
        f"{told.symbol}: mark {plain(told.mark)}, index {plain(told.index)}; funding {rate} % at "
        f"{utc(told.next_funding_ms)}"
    )


@app.command()
def balances(*, env: EnvironmentName = "testnet", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List what the account has."""
    columns: Sequence[Column[MarginBalance]] = (
        Column("asset", lambda each: each.asset, "asset"),
        Column("wallet", lambda each: each.wallet, "wallet"),
        Column("equity", lambda each: each.equity, "equity"),
        Column("available", lambda each: each.available, "available"),
    )
    found = signing(env).run(lambda client: client.balances())
    show_list(columns, found, form_of(as_json=as_json, as_csv=as_csv))


@app.command()
def positions(*, env: EnvironmentName = "testnet", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the open positions."""
    columns: Sequence[Column[Position]] = (
        Column("symbol", lambda each: each.symbol, "contract"),
        Column("position_side", lambda each: each.position_side.value, "side"),
        Column("quantity", lambda each: each.quantity, "quantity"),
        Column("entry_price", lambda each: each.entry_price, "entry"),
        Column("mark_price", lambda each: each.mark_price, "mark"),
        Column("unrealized_pnl", lambda each: each.unrealized_pnl, "unrealized"),
        Column("liquidation_price", lambda each: each.liquidation_price, "liquidation"),
        Column("leverage", lambda each: each.leverage, "leverage"),
        Column("margin_type", lambda each: each.margin_type, "margin"),
    )
    found = signing(env).run(lambda client: client.positions())
    show_list(columns, found, form_of(as_json=as_json, as_csv=as_csv))


@app.command()
def orders(
    symbol: Annotated[str | None, typer.Argument(help="Contract; every one by default.")] = None,
    *,
    env: EnvironmentName = "testnet",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the open orders."""
    found = signing(env).run(lambda client: client.open_orders(symbol and symbol.upper()))
    show_list(_ORDER_COLUMNS, found, form_of(as_json=as_json, as_csv=as_csv))


@app.command()
def income(
    kind: Annotated[str | None, typer.Option(help="Such as FUNDING_FEE; every kind by default.")] = None,
    *,
    env: EnvironmentName = "testnet",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what changed the wallet balance in the last seven days: funding, results, fees, deposits."""
    columns: Sequence[Column[Income]] = (
        Column("time", lambda each: utc(each.time_ms), "time"),
        Column("kind", lambda each: each.kind, "kind"),
        Column("symbol", lambda each: each.symbol, "contract"),
        Column("amount", lambda each: each.amount, "amount"),
        Column("asset", lambda each: each.asset, "asset"),
        Column("income_id", lambda each: each.income_id),
    )
    found = signing(env).run(lambda client: client.income(kind=kind and kind.upper()))
    show_list(columns, found, form_of(as_json=as_json, as_csv=as_csv))


@app.command()
def mode(
    wanted: Annotated[str | None, typer.Argument(help="one-way or hedge; shown if left out.")] = None,
    *,
    env: EnvironmentName = "testnet",
) -> None:
    """Show or set how positions are kept, for the whole account."""
    from tegro.perpetual import PositionMode

    if wanted is not None and wanted not in _WORDS:
        raise InvalidInput(f"the position mode must be one-way or hedge, was {wanted!r}")

    async def task(client: "AsyncPerpetual") -> PositionMode:
        if wanted is not None:
            await client.set_position_mode(PositionMode(_WORDS[wanted]))
        return await client.position_mode()

    typer.echo(signing(env).run(task).value.replace("_", "-"))


@app.command()
def leverage(symbol: Symbol, times: Annotated[int, typer.Argument(min=1)], *, env: EnvironmentName = "testnet") -> None:
    """Set the leverage of a contract."""
    signing(env).run(lambda client: client.set_leverage(symbol.upper(), times))
    tell(f"leverage of {symbol.upper()} is {times}")


@app.command()
def place(
    symbol: Symbol,
    side: Annotated[Side, typer.Argument()],
    quantity: Annotated[str, typer.Argument(help="In base.")],
    price: Annotated[str | None, typer.Argument(help="Limit price; a market order if left out.")] = None,
    *,
    order_type: Annotated[
        str, typer.Option("--type", help="limit, or limit_maker: refused if it would take.")
    ] = "limit",
    position: Annotated[str, typer.Option(help="In hedge mode: long or short.")] = "both",
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="In one-way mode: only shrink a position.")
    ] = False,
    client_order_id: Annotated[str | None, typer.Option(help="Your own name for the order.")] = None,
    yes: Yes = False,
    env: EnvironmentName = "testnet",
    as_json: AsJson = False,
) -> None:
    """Send an order. Exit code 1: refused; 3: it may be live, do not send it again."""
    from tegro.perpetual import PerpetualOrderRequest

    amount, limit = decimal_of(quantity, "quantity"), None if price is None else decimal_of(price, "price")
    kind, held, access = _type_of(order_type, has_price=limit is not None), _side_of(position), signing(env)

    async def send(client: "AsyncPerpetual") -> "PlaceOutcome":
        from tegro.perpetual import Unknown

        request = PerpetualOrderRequest(
            contract=await client.contract(symbol),
            side=side,
            quantity=amount,
            order_type=kind,
            price=limit,
            position_side=held,
            reduce_only=reduce_only,
            client_order_id=client_order_id,
        )
        outcome = await client.place(request)
        return await client.resolve(outcome) if isinstance(outcome, Unknown) else outcome

    terms = "at the market" if limit is None else f"at {plain(limit)}"
    statement = f"a {kind} order on {access.environment.host}: {side} {plain(amount)} {symbol.upper()} {terms}"
    confirm(statement, is_agreed=yes)
    _show_placed(access.run(send), form_of(as_json=as_json))


@app.command()
def cancel(
    symbol: Symbol,
    client_order_id: Annotated[str | None, typer.Argument(help="Your own name of the order.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All open orders of the contract.")] = False,
    yes: Yes = False,
    env: EnvironmentName = "testnet",
) -> None:
    """Cancel an order, or all of a contract. Exit code 1: no such open order; 3: not known, may be repeated."""
    if (client_order_id is None) is not every:
        raise InvalidInput("give the client order id of one order, or --all")
    access = signing(env)
    named = "every open order" if client_order_id is None else client_order_id
    confirm(f"cancelling on {access.environment.host}: {named} of {symbol.upper()}", is_agreed=yes)
    if client_order_id is None:
        access.run(lambda client: client.cancel_all(symbol.upper()))
        tell(f"every open order of {symbol.upper()} is cancelled")
    else:
        _show_cancelled(access.run(lambda client: client.cancel(symbol.upper(), client_order_id)))


def _type_of(name: str, *, has_price: bool) -> OrderType:
    if name not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        raise InvalidInput(f"--type must be limit or limit_maker, was {name!r}; for a market order leave the price out")
    if not has_price and name == OrderType.LIMIT_MAKER:
        raise InvalidInput("a limit-maker order needs a price")
    return OrderType(name) if has_price else OrderType.MARKET


def _side_of(word: str) -> "PositionSide":
    from tegro.perpetual import PositionSide

    if word.upper() not in list(PositionSide):
        raise InvalidInput(f"--position must be long, short or both, was {word!r}")
    return PositionSide(word.upper())


def _show_placed(outcome: "PlaceOutcome", form: Form) -> None:
    from tegro.perpetual import Accepted, Rejected

    match outcome:
        case Accepted(order=order):
            if form is Form.JSON:
                show_json(order)
            say(f"{order.client_order_id}: {order.state.value}, {plain(order.filled)} filled", form)
        case Rejected():
            tell(f"refused: {outcome.reason}")
            raise typer.Exit(_REFUSED)
        case _:
            tell(f"{outcome.client_order_id} may be live: {outcome.cause}; look with 'tegro perp orders'")
            raise typer.Exit(_UNKNOWN)


def _show_cancelled(outcome: "CancelOutcome") -> None:
    from tegro.perpetual import Cancelled, NotOpen

    match outcome:
        case Cancelled(order=order):
            tell(f"{order.client_order_id} is cancelled; {plain(order.filled)} of it had filled")
        case NotOpen():
            tell(f"there is no such open order: {outcome.reason}")
            raise typer.Exit(_REFUSED)
        case _:
            tell(f"not known whether {outcome.client_order_id} is cancelled: {outcome.cause}; it may be repeated")
            raise typer.Exit(_UNKNOWN)
