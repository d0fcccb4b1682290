"""Commands about allowances: what the exchange contract may move, giving it more, taking it back."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from tegro.cli.asking import confirm
from tegro.cli.ordering import decimal_of
from tegro.cli.output import Column, Form, form_of, say, show_json, show_list
from tegro.cli.progress import progress
from tegro.cli.session import (
    AsCsv,
    AsJson,
    ChainName,
    EnvironmentName,
    SignerName,
    WalletAddress,
    Yes,
    signing,
    watching,
)
from tegro.errors import InvalidInput
from tegro.model import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tegro.allowance import AllowanceState, Approval, ApprovalReceipt, ApprovalStep
    from tegro.client import AsyncTegro

CAP: Final = "--cap"


class _Allowance(TyperGroup):
    """`tegro allowance USDC` shows and `tegro allowance USDC --cap 5` approves, as error messages say."""

    # The context's class is click's own in some versions of typer, and typer's copy of it in others.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        is_whole = bool(args) and (args[0] in self.commands or "--help" in args)
        if not is_whole:
            has_cap = any(word == CAP or word.startswith(f"{CAP}=") for word in args)
            args = ["approve" if has_cap else "show", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Allowance,
    help="What the exchange contract may move of your tokens: show (the default), approve, revoke.",
)

Symbols = Annotated[list[str] | None, typer.Argument(help="Token symbols; those of all markets by default.")]


@app.command()
def show(
    symbols: Symbols = None,
    *,
    wallet: WalletAddress = None,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show what the exchange contract may move of each token, and what there is."""
    form = form_of(as_json=as_json, as_csv=as_csv)

    async def read(client: "AsyncTegro") -> "list[AllowanceState]":
        return await client.allowances.state(await _tokens(client, symbols or []))

    show_list(_COLUMNS, watching(env, chain, signer, wallet).run(read), form)


@app.command()
def approve(
    symbols: Annotated[
        list[str] | None, typer.Argument(help="Token symbols; those with a cap in the settings.")
    ] = None,
    *,
    cap: Annotated[
        str | None, typer.Option(CAP, help="Exact amount for the one token named. [default: its cap in the settings]")
    ] = None,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Allow the exchange contract an exact amount of a token, where less is allowed now. Never an unlimited one."""
    if cap is not None and len(symbols or []) != 1:
        raise InvalidInput("--cap is for one token: name it")
    access, form = signing(env, chain, signer), form_of(as_json=as_json)

    async def look(client: "AsyncTegro") -> "list[Approval]":
        return await client.allowances.plan(await _wanted(client, symbols or [], cap))

    with progress("reading allowances"):
        plan = access.run(look)
    made: list[ApprovalReceipt] = []
    if plan:
        confirm(_statement(plan), is_agreed=yes)
        with progress("sending the transaction") as change:
            made = access.run(lambda client: client.allowances.apply(plan, on_step=_teller(change)))
    _show_receipts(made, form, "approved", "nothing to do: as much is allowed already")


@app.command()
def revoke(
    symbols: Symbols = None,
    *,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Take back what the exchange contract may move. Resting orders of these tokens are then cancelled by the venue."""
    access, form = signing(env, chain, signer), form_of(as_json=as_json)
    named = ", ".join(symbols or ()) or "every token of the markets"
    confirm(f"allowances of {named} are set to zero, with one transaction for each that is not", is_agreed=yes)

    async def task(client: "AsyncTegro", change: "Callable[[str], None]") -> "list[ApprovalReceipt]":
        tokens = await _tokens(client, symbols or [])
        return await client.allowances.revoke(tokens, on_step=_teller(change))

    with progress("taking the allowances back") as change:
        made = access.run(lambda client: task(client, change))
    _show_receipts(made, form, "revoked", "nothing to do: nothing is allowed")


async def _wanted(client: "AsyncTegro", symbols: list[str], cap: str | None) -> dict[Token, int]:
    """Return the amounts to approve: the one given, else those of the settings."""
    tokens = await _tokens(client, symbols)
    if cap is not None:
        try:
            return {tokens[0]: tokens[0].to_wei(decimal_of(cap, "cap"))}
        except ValueError as error:
            raise InvalidInput(str(error)) from None
    wanted: dict[Token, int] = {}
    for token in tokens:
        cap_wei = client.environment.approval_cap_wei(token)
        if cap_wei is not None:
            wanted[token] = cap_wei
        elif symbols:
            raise InvalidInput(
                f"no cap for {token.symbol}: say --cap, or set one in [{client.environment.name}.approvals]"
            )
    if not wanted:
        raise InvalidInput(
            f"name a token and its --cap; the settings have none in [{client.environment.name}.approvals]"
        )
    return wanted


async def market_tokens(client: "AsyncTegro") -> list[Token]:
    """Return the tokens of all markets, each once."""
    return list(dict.fromkeys(token for market in await client.markets() for token in (market.base, market.quote)))


async def _tokens(client: "AsyncTegro", symbols: list[str]) -> list[Token]:
    """Return the tokens of the markets; only those named, if any is."""
    listed = await market_tokens(client)
    if not symbols:
        return listed
    found = []
    for symbol in symbols:
        named = [token for token in listed if token.symbol == symbol]
        if len(named) != 1:
            raise InvalidInput(f"{len(named)} tokens of the markets have the symbol {symbol!r}, expected one")
        found += named
    return found


def _statement(plan: "Sequence[Approval]") -> str:
    amounts = ", ".join(
        f"{approval.token.from_wei(approval.amount_wei):f} {approval.token.symbol} "
        f"(now {approval.token.from_wei(approval.current_wei):f})"
        for approval in plan
    )
    return f"the exchange contract {plan[0].spender} may then move {amounts}; each takes a transaction"


def _teller(change: "Callable[[str], None]") -> "Callable[[ApprovalStep], None]":
    def on_step(step: "ApprovalStep") -> None:
        state = "is in a block" if step.fee_wei is not None else "was sent, waiting for a block"
        change(f"{step.token.symbol}: {step.tx_hash} {state}")

    return on_step


def _show_receipts(made: "Sequence[ApprovalReceipt]", form: Form, verb: str, nothing: str) -> None:
    if form is Form.JSON:
        show_json(made)
        return
    for receipt in made:
        amount = f" {receipt.token.from_wei(receipt.amount_wei):f}" if receipt.amount_wei else ""
        say(f"{verb}{amount} {receipt.token.symbol} in {receipt.tx_hash}", form)
    if not made:
        say(nothing, form)


def _human(token: Token, amount_wei: int | None) -> Decimal | None:
    return None if amount_wei is None else token.from_wei(amount_wei)


_COLUMNS: "Final[Sequence[Column[AllowanceState]]]" = (
    Column("token", lambda state: state.token.symbol, "token"),
    Column("allowance", lambda state: _human(state.token, state.allowance_wei), "allowed"),
    Column("cap", lambda state: _human(state.token, state.cap_wei), "cap in settings"),
    Column("balance", lambda state: _human(state.token, state.balance_wei), "balance"),
    Column("allowance_wei", lambda state: str(state.allowance_wei)),
    Column("cap_wei", lambda state: None if state.cap_wei is None else str(state.cap_wei)),
    Column("balance_wei", lambda state: str(state.balance_wei)),
    Column("address", lambda state: state.token.address),
)
