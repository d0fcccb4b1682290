"""Commands that sign: orders and approvals."""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from tegro.cli.output import show_json, show_table
from tegro.cli.session import AsJson, ChainName, EnvironmentName, run
from tegro.errors import InvalidInput
from tegro.model import OrderRequest, Side, Token
from tegro.outcome import Accepted, Cancelled, CancelOutcome, CancelRejected, CancelUnknown, PlaceOutcome, Rejected

if TYPE_CHECKING:
    from tegro.allowance import AllowanceState, ApprovalReceipt
    from tegro.client import AsyncTegro

order_app = typer.Typer(no_args_is_help=True, help="Place and cancel orders.")


@order_app.command()
def place(
    symbol: Annotated[str, typer.Argument(help="Such as WETH_USDC.")],
    side: Annotated[Side, typer.Argument()],
    quantity: Annotated[str, typer.Argument(help="In base.")],
    price: Annotated[str, typer.Argument(help="Limit price, quote per base.")],
    *,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Sign a limit order and send it. Exit code 1: refused; 3: it may be live, do not send it again."""

    async def task(client: "AsyncTegro") -> PlaceOutcome:
        market = await client.market(symbol)
        limit, amount = _decimal(price, "price"), _decimal(quantity, "quantity")
        return await client.place(OrderRequest(market=market, side=side, price=limit, quantity=amount))

    outcome = run(env, chain, task, needs_key=True)
    if as_json:
        show_json(outcome)
    match outcome:
        case Accepted():
            _tell(f"accepted as {outcome.order_id}, hash {outcome.order_hash}", is_quiet=as_json)
        case Rejected():
            _tell(f"refused: {outcome.reason}", is_error=True)
            raise typer.Exit(1)
        case _:
            _tell(f"the order may be live ({outcome.cause}); do not send it again", is_error=True)
            _tell(f"look for its hash {outcome.order_hash} in: tegro orders --json", is_error=True)
            raise typer.Exit(3)


@order_app.command()
def cancel(
    order_ids: Annotated[list[str] | None, typer.Argument(help="Ids from: tegro orders.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All open orders of the wallet on this chain.")] = False,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Cancel orders. Exit code 1: refused; 3: not known, may be repeated."""
    if bool(order_ids) == every:
        raise InvalidInput("give order ids to cancel, or --all")

    async def task(client: "AsyncTegro") -> CancelOutcome:
        return await (client.cancel_all() if every else client.cancel(order_ids or ()))

    outcome = run(env, chain, task, needs_key=True)
    if as_json:
        show_json(outcome)
    match outcome:
        case Cancelled():
            _tell(f"cancelled: {' '.join(outcome.cancelled) or 'nothing'}", is_quiet=as_json)
            if outcome.not_cancelled:
                _tell(f"not cancelled: {' '.join(outcome.not_cancelled)}", is_error=True)
                raise typer.Exit(1)
        case CancelRejected():
            _tell(f"refused: {outcome.reason}", is_error=True)
            raise typer.Exit(1)
        case CancelUnknown():
            _tell(f"not known whether it worked ({outcome.cause}); cancelling again is safe", is_error=True)
            raise typer.Exit(3)


def allowance(
    symbols: Annotated[list[str] | None, typer.Argument(help="Token symbols; those of all markets by default.")] = None,
    cap: Annotated[
        str | None, typer.Option(help="Approve exactly this amount of the one token named, if less is allowed now.")
    ] = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Show what the exchange contract may move, or allow it an exact amount of one token."""
    if cap is not None:
        receipts = run(env, chain, lambda client: _approve(client, symbols or [], cap), needs_key=True)
        if as_json:
            show_json(receipts)
            return
        for made in receipts:
            _tell(f"approved {made.token.from_wei(made.amount_wei):f} {made.token.symbol} in {made.tx_hash}")
        if not receipts:
            _tell("nothing to do: as much is allowed already")
        return
    states = run(env, chain, lambda client: _allowance_states(client, symbols or []))
    if as_json:
        show_json(states)
        return
    show_table(
        ("token", "allowed", "cap in settings", "balance"),
        [
            (s.token.symbol, *(_human(s.token, wei) for wei in (s.allowance_wei, s.cap_wei, s.balance_wei)))
            for s in states
        ],
    )


async def _approve(client: "AsyncTegro", symbols: list[str], cap: str) -> "list[ApprovalReceipt]":
    tokens = await _tokens(client, symbols)
    if len(symbols) != 1:
        raise InvalidInput("--cap is for one token: name it")
    try:
        amount_wei = tokens[0].to_wei(_decimal(cap, "cap"))
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    return await client.allowances.apply(await client.allowances.plan({tokens[0]: amount_wei}))


async def _allowance_states(client: "AsyncTegro", symbols: list[str]) -> "list[AllowanceState]":
    return await client.allowances.state(await _tokens(client, symbols))


async def _tokens(client: "AsyncTegro", symbols: list[str]) -> list[Token]:
    """Return the tokens of the markets, each once; only those named, if any is."""
    listed = dict.fromkeys(token for market in await client.markets() for token in (market.base, market.quote))
    if not symbols:
        return list(listed)
    found = []
    for symbol in symbols:
        named = [token for token in listed if token.symbol == symbol]
        if len(named) != 1:
            raise InvalidInput(f"{len(named)} tokens of the markets have the symbol {symbol!r}, expected one")
        found += named
    return found


def _human(token: Token, amount_wei: int | None) -> Decimal | None:
    return None if amount_wei is None else token.from_wei(amount_wei)


def _decimal(text: str, what: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"{what} must be a number, was {text!r}") from None


def _tell(sentence: str, *, is_error: bool = False, is_quiet: bool = False) -> None:
    if not is_quiet:
        typer.echo(sentence, err=is_error)
