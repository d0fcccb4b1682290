"""Further commands of `tegro localnet fault`: clock, latency, rate limits, tick sizes of a running localnet."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
import typer

from tegro_localnet.cli_faults import Json, Url, app
from tegro_localnet.control_client import DEFAULT_URL, ask
from tegro_localnet.latency import Latency, read_latency
from tegro_localnet.rate_limits import RateLimits, read_rate_limits
from tegro_localnet.terminal import complete, failure, say

__all__ = ["app"]

_OFF: Final = "none"


@app.command()
def clock(
    *,
    offset_ms: Annotated[
        int | None, typer.Option(help="How far ahead of the real time; negative: behind; shown when absent.")
    ] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show or move the venue's clock."""
    change = None if offset_ms is None else {"offset_ms": offset_ms}
    complete(_show_or_set("clock", change, url, _clock_line, as_json=as_json))


@app.command()
def latency(
    rules: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATTERN=]MS...",
            help="Milliseconds: 20, 5-50 (uniform) or 30~0.5 (log-normal); 'stream=20' for frames; 'none' ends all.",
        ),
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show or replace the rules of latency; the first that fits a path counts."""
    change = None if not rules else {"rules": [_plain(rule) for rule in _rules(rules)]}
    complete(_show_or_set("latency", change, url, _latency_line, as_json=as_json))


@app.command()
def limit(
    *,
    address: Annotated[str | None, typer.Option(help="PER_SECOND or PER_SECOND/BURST for each IP address.")] = None,
    wallet: Annotated[str | None, typer.Option(help="PER_SECOND or PER_SECOND/BURST for each wallet.")] = None,
    off: Annotated[bool, typer.Option("--off", help="End all limits.")] = False,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show or replace the rate limits; who exceeds one is answered 429."""
    change = _plain(_limits(address, wallet)) if off or address or wallet else None
    complete(_show_or_set("rate-limits", change, url, json.dumps, as_json=as_json))


@app.command()
def tick(
    symbol: Annotated[str, typer.Argument(help="Such as WETH_USDC.")],
    *,
    quote_precision: Annotated[int | None, typer.Option(help="Decimals of a price.")] = None,
    base_precision: Annotated[int | None, typer.Option(help="Decimals of a quantity.")] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Change a market's tick size and lot size, or show them."""
    change = {"quote_precision": quote_precision, "base_precision": base_precision}
    complete(_show_or_set(f"markets/{symbol}/tick", change, url, _tick_line, as_json=as_json))


@app.command()
def reorganise(
    *,
    depth: Annotated[int, typer.Option(help="How many of the newest blocks; each holds one transaction.")] = 1,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Let the chain take its newest blocks back: what was settled there is pending again."""
    complete(_reorganise(depth, url, as_json=as_json))


async def _reorganise(depth: int, url: str, *, as_json: bool) -> None:
    reply = await ask(url, "POST", "chain/reorganise", {"depth": depth})
    say(json.dumps(reply) if as_json else f"the chain has taken back {reply['depth']} blocks")


def _rules(texts: list[str]) -> list[Latency]:
    try:
        return [] if texts == [_OFF] else [read_latency(text) for text in texts]
    except ValueError as error:
        raise failure(str(error), 2) from error


def _limits(address: str | None, wallet: str | None) -> RateLimits:
    try:
        return read_rate_limits(address, wallet)
    except ValueError as error:
        raise failure(str(error), 2) from error


async def _show_or_set(path: str, change: object, url: str, shown: Callable[[Any], str], *, as_json: bool) -> None:
    reply = await (ask(url, "GET", path) if change is None else ask(url, "PUT", path, change))
    say(json.dumps(reply) if as_json else shown(reply))


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    return msgspec.to_builtins(value)


def _clock_line(reply: dict[str, Any]) -> str:
    return f"the venue's clock is at {reply['now_ms']}, {reply['offset_ms']} ms ahead"


def _tick_line(reply: dict[str, Any]) -> str:
    return (
        f"{reply['symbol']} allows {reply['quote_precision']} decimals in prices "
        f"and {reply['base_precision']} in quantities"
    )


def _latency_line(reply: dict[str, Any]) -> str:
    lines = [json.dumps({name: value for name, value in rule.items() if value is not None}) for rule in reply["rules"]]
    return "\n".join(lines) or "no latency"
