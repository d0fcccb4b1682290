"""The command that asks a venue whether it behaves as this project believes."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from tegro.cli.asking import confirm
from tegro.cli.output import plain, show_json, show_table
from tegro.cli.progress import progress
from tegro.cli.records import MarketSymbol
from tegro.cli.session import AsJson, ChainName, EnvironmentName, SignerName, Yes, load_environment, signing
from tegro.errors import InvalidInput

if TYPE_CHECKING:
    from tegro.client import AsyncTegro
    from tegro.model import OrderRequest
    from tegro.verify import Finding, Report


def verify(
    *,
    trade: Annotated[
        bool, typer.Option("--trade", help="Also place and cancel one minimum order: testnet and localnet only.")
    ] = False,
    market: MarketSymbol = None,
    yes: Yes = False,
    signer: SignerName = None,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
) -> None:
    """Compare a venue with what docs/protocol.md says. Reads only, without a key. Exit code 1: something differs."""
    # `tegro.verify` brings the HTTP library, which `tegro --help` need not wait for.
    from tegro.verify import verify as look

    if not trade and (market is not None or signer is not None):
        raise InvalidInput("--market and --signer go with --trade: without it nothing is signed")
    findings = _trade(env, chain, signer, market, is_agreed=yes) if trade else ()
    with progress("asking the venue"):
        report = asyncio.run(look(load_environment(env, chain)))
    report = replace(report, findings=report.findings + findings)
    if as_json:
        show_json(_document(report))
    else:
        _show(report)
    if report.differs:
        raise typer.Exit(1)


def _trade(
    env: str, chain: str | None, signer: str | None, symbol: str | None, *, is_agreed: bool
) -> "tuple[Finding, ...]":
    if env == "mainnet":
        raise InvalidInput("--trade signs an order, and is for testnet and localnet only")
    from tegro.verify.trading import smallest_buy, verify_trading

    access = signing(env, chain, signer)

    async def choose(client: "AsyncTegro") -> "OrderRequest":
        found = await client.market(symbol) if symbol is not None else next(iter(await client.markets()), None)
        if found is None:
            raise InvalidInput(f"{env} has no market to place an order on")
        return await smallest_buy(client, found)

    request = access.run(choose)
    terms = f"buy {plain(request.quantity)} {request.market.symbol} at {plain(request.price)}"
    confirm(f"one order is placed and cancelled: {terms}", is_agreed=is_agreed)
    return access.run(lambda client: verify_trading(client, request))


def _show(report: "Report") -> None:
    if sys.stdout.isatty():
        show_table(
            ("", "result", "fact", "protocol", "seen"),
            [(each.number, each.result, each.fact, each.section, each.note) for each in report.findings],
        )
    else:
        for each in report.findings:
            note = f": {each.note}" if each.note else ""
            typer.echo(f"{each.number} {each.result:<11} {each.fact} (protocol {each.section}){note}")
    typer.echo(_summary(report))


def _summary(report: "Report") -> str:
    return f"{report.environment} on {report.chain} ({report.chain_id}) at {report.rest_url}: {report.summary}"


def _document(report: "Report") -> dict[str, object]:
    from tegro.verify import Result

    return {
        "environment": report.environment,
        "chain": report.chain,
        "chain_id": report.chain_id,
        "rest_url": report.rest_url,
        "findings": report.findings,
        "summary": {result.value: report.count(result) for result in Result},
    }
