"""The command that asks a venue whether it behaves as this project believes."""

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from tegro.cli.output import show_json, show_table
from tegro.cli.session import AsJson, ChainName, EnvironmentName, load_environment

if TYPE_CHECKING:
    from tegro.verify import Report


def verify(env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False) -> None:
    """Compare a venue with what docs/protocol.md says: reads only, without a key. Exit code 1: something differs."""
    # `tegro.verify` brings the HTTP library, which `tegro --help` need not wait for.
    from tegro.verify import verify as look

    report = asyncio.run(look(load_environment(env, chain)))
    if as_json:
        show_json(_document(report))
    elif sys.stdout.isatty():
        show_table(
            ("", "result", "fact", "protocol", "seen"),
            [(each.number, each.result, each.fact, each.section, each.note) for each in report.findings],
        )
        typer.echo(_summary(report))
    else:
        for each in report.findings:
            note = f": {each.note}" if each.note else ""
            typer.echo(f"{each.number} {each.result:<11} {each.fact} (protocol {each.section}){note}")
        typer.echo(_summary(report))
    if report.differs:
        raise typer.Exit(1)


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
