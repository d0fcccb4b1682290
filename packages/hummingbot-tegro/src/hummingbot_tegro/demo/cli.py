"""The command `tegro demo`."""

import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from hummingbot_tegro.demo.options import DemoOptions, parse_duration, parse_pair

app = typer.Typer(
    name="demo", help="Watch a stock Hummingbot make a market on a local Tegro, then see its books agree."
)

_INTERRUPTED: Final = 130


@app.callback(invoke_without_command=True)
def demo(
    duration: Annotated[str, typer.Option("--for", help="How long the bot trades: 90s, 3m, 1h.")] = "3m",
    seed: Annotated[int | None, typer.Option(min=0, help="Of market and bot; drawn when absent.")] = None,
    pair: Annotated[str, typer.Option(help="What it trades.")] = "WETH-USDC",
    fills: Annotated[int | None, typer.Option(min=1, help="End before the time after so many settled fills.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, resolve_path=True, help="Recorded trades that drive the market."),
    ] = None,
) -> None:
    """Run the demo. Exit code 0: the books agree; 1: they do not, or it failed; 2: wrong input; 130: interrupted.

    Everything happens on this machine, with worthless tokens, in a temporary folder.
    """
    options = DemoOptions(
        duration_secs=parse_duration(duration),
        seed=secrets.randbelow(10**6) if seed is None else seed,
        pair=parse_pair(pair),
        fills=fills,
        replay=replay,
    )
    try:
        from hummingbot_tegro.demo.main import run

        code = run(options)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "tegro_localnet":
            raise
        typer.echo("tegro demo: it needs tegro-localnet: pip install 'hummingbot-tegro[demo]'", err=True)
        code = 1
    except KeyboardInterrupt:
        # Ctrl-C while the modules were loaded: nothing was started yet.
        typer.echo("tegro demo: interrupted before anything was started.", err=True)
        code = _INTERRUPTED
    raise typer.Exit(code)
