"""Commands that stop everything: panic now, watchdog when the bot falls silent."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tegro.cli.asking import confirm
from tegro.cli.ordering import know_markets
from tegro.cli.output import Form, form_of, say, show_json, tell
from tegro.cli.progress import progress
from tegro.cli.session import Access, AsJson, ChainName, EnvironmentName, SignerName, Yes, stopping

if TYPE_CHECKING:
    from collections.abc import Callable

    from tegro.client import AsyncTegro
    from tegro.panic import PanicReport
    from tegro.watchdog import Silence


def panic(
    *,
    on_chain: Annotated[
        bool, typer.Option("--on-chain", help="Cancel the live orders of the journal on chain too, one by one.")
    ] = False,
    keep_allowances: Annotated[
        bool, typer.Option("--keep-allowances", help="Do not take back what the exchange contract may move.")
    ] = False,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Cancel every order, take every allowance back, and report what could still execute. Exit code 0 only if nothing.

    It goes on where a step fails, and may be repeated. Orders that were signed outside this journal can only be
    cancelled at the venue; without an allowance they cannot settle either.
    """
    access, form = stopping(env, chain, signer), form_of(as_json=as_json)
    has_node = access.environment.rpc_url is not None
    if not has_node:
        tell(f"no node is known (rpc_url of [{access.environment.name}]): nothing is done or read on chain")
    revokes, cancels = has_node and not keep_allowances, has_node and on_chain
    if revokes or cancels:
        confirm(_statement(access, revokes=revokes, cancels=cancels), is_agreed=yes)

    with progress("cancelling every order") as change:
        report = access.run(lambda client: _stop(client, revokes=revokes, cancels=cancels, change=change))
    if form is Form.JSON:
        show_json({"is_safe": report.is_safe, "report": report})
    _say_report(report, form)
    if not report.is_safe:
        raise typer.Exit(1)


def watchdog(
    heartbeat: Annotated[Path, typer.Option(help="The file that the bot's Heartbeat changes.")],
    timeout_secs: Annotated[
        float, typer.Option("--timeout", help="Seconds of silence after which the bot counts as gone.")
    ] = 10.0,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
) -> None:
    """Watch a bot's heartbeat file and cancel every open order of the wallet when it stops. Runs until Ctrl-C."""
    access = stopping(env, chain, signer)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    access.run(lambda client: _watch(client, heartbeat, timeout_secs))


async def _stop(
    client: "AsyncTegro", *, revokes: bool, cancels: bool, change: "Callable[[str], None]"
) -> "PanicReport":
    await know_markets(client)
    return await client.panic(on_chain=cancels, revoke=revokes, progress=change)


def _statement(access: Access, *, revokes: bool, cancels: bool) -> str:
    environment = access.environment
    wallet = access.signer.address if access.signer is not None else ""
    steps = ["every open order is cancelled"]
    if revokes:
        steps.append("every allowance is set to zero, with a transaction each")
    if cancels:
        steps.append("every live order of the journal is cancelled on chain, with a transaction each")
    return f"{wallet} on {environment.name} ({environment.chain}): {', '.join(steps)}"


def _say_report(report: "PanicReport", form: Form) -> None:
    say(f"cancelled at the venue: {' '.join(report.cancelled) or 'nothing'}", form)
    for order_hash in report.cancelled_on_chain:
        say(f"cancelled on chain: {order_hash}", form)
    for receipt in report.revoked:
        say(f"revoked {receipt.token.symbol} in {receipt.tx_hash}", form)
    for failure in report.failures:
        tell(f"failed: {failure.step}: {failure.reason}")
    for order in report.still_open:
        tell(f"still open: {order.order_id} {order.side} {order.remaining:f} at {order.price:f}")
    could = "could execute if its token were allowed again" if report.is_safe else "could still execute"
    for entry in report.still_possible:
        terms = f"{entry.side} {entry.quantity:f} at {entry.price:f}"
        tell(f"{could}: {entry.order_hash} {terms} ({entry.state})")
    for state in report.still_allowed or ():
        tell(f"still allowed: {state.token.from_wei(state.allowance_wei):f} {state.token.symbol}")
    if report.still_allowed is None:
        tell("allowances could not be read")
    if report.is_safe:
        say("nothing more of this wallet can execute", form)
    else:
        tell("something of this wallet may still execute: run tegro panic again")


async def _watch(client: "AsyncTegro", heartbeat: Path, timeout_secs: float) -> None:
    from tegro.watchdog import Watchdog

    async def cancel_all() -> bool:
        await client.cancel_all()
        return not await client.orders(statuses=("active",))

    # What would keep it from cancelling shall show now, not when the bot is gone.
    await client.chain()
    await know_markets(client)
    dog = Watchdog(heartbeat, cancel_all, timeout_secs=timeout_secs, monotonic_secs=time.monotonic)
    tell(f"watching {heartbeat} for {client.wallet}; every order is cancelled after {timeout_secs:g} s of silence")
    async for silence in dog.watch():
        _tell_silence(silence)


def _tell_silence(silence: "Silence") -> None:
    tell(f"the bot was silent for {silence.silent_secs:.1f} s: every order is cancelled ({silence.attempts} attempts)")
