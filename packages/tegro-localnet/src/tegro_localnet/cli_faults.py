"""`tegro localnet fault`: let a running localnet fail on demand."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from tegro.model import Side
from tegro_localnet.control_client import DEFAULT_URL, ask
from tegro_localnet.fault_spec import FaultKind
from tegro_localnet.terminal import OUT, complete, say

app: Final = typer.Typer(name="fault", help="Let a running localnet fail on demand.", no_args_is_help=True)

# The variable by which the client finds it as well.
Url = Annotated[str, typer.Option(envvar="TEGRO_LOCALNET_REST_URL", help="Where the localnet runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
_Id = Annotated[int | None, typer.Argument(metavar="ID", help="Which fault; all when absent.")]


@app.command()
def add(
    kind: Annotated[FaultKind, typer.Argument(help="What goes wrong.")],
    *,
    path: Annotated[str | None, typer.Option(help="Pattern of request paths, such as '*/orders/place'.")] = None,
    wallet: Annotated[str | None, typer.Option(help="Only this wallet's requests, frames or matches.")] = None,
    action: Annotated[str | None, typer.Option(help="Only frames of this action, such as order_book_diff.")] = None,
    times: Annotated[int, typer.Option(help="How many requests, frames or matches fail; 0: all, until cleared.")] = 1,
    probability: Annotated[str | None, typer.Option(help="Chance that each fails, such as 0.25.")] = None,
    status: Annotated[int | None, typer.Option(help="HTTP status of the answer (status).")] = None,
    after: Annotated[bool, typer.Option("--after", help="Act before answering with the status (status).")] = False,
    retry_after_secs: Annotated[int | None, typer.Option(help="Value of the header Retry-After (status).")] = None,
    delay_ms: Annotated[int | None, typer.Option(help="How late (delay, frame_delay).")] = None,
    hold_ms: Annotated[
        int | None, typer.Option(help="Until when, unless released before (hold, settlement_hold).")
    ] = None,
    side: Annotated[Side | None, typer.Option(help="Which side of the book; both when absent (null_sides).")] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Set a fault."""
    options: dict[str, Any] = {
        "path": path,
        "wallet": wallet,
        "action": action,
        "probability": probability,
        "status": status,
        "after": after or None,
        "retry_after_secs": retry_after_secs,
        "delay_ms": delay_ms,
        "hold_ms": hold_ms,
        "side": side and side.value,
    }
    given = {name: value for name, value in options.items() if value is not None}
    complete(_add({"kind": kind.value, "times": times or None} | given, url, as_json=as_json))


@app.command("list")
def show(*, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Show the faults that are set, with how often each happened."""
    complete(_show(url, as_json=as_json))


@app.command()
def clear(fault_id: _Id = None, *, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Take a fault off, or all; the requests that it holds go on."""
    path = "faults" if fault_id is None else f"faults/{fault_id}"
    complete(_count("DELETE", path, "cleared", url, as_json=as_json))


@app.command()
def release(fault_id: _Id = None, *, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Let the requests and matches go on that a fault, or any, holds now."""
    path = "faults/release" if fault_id is None else f"faults/{fault_id}/release"
    complete(_count("POST", path, "released", url, as_json=as_json))


@app.command()
def log(
    *,
    limit: Annotated[int, typer.Option(help="How many of the newest lines.")] = 100,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show what was set, happened, was released, cleared or changed."""
    complete(_show_log(limit, url, as_json=as_json))


async def _show_log(limit: int, url: str, *, as_json: bool) -> None:
    events = await ask(url, "GET", f"faults/log?limit={limit}")
    if as_json:
        say(json.dumps(events))
        return
    for event in events:
        moment = datetime.fromtimestamp(event["time_ms"] // 1000, UTC)
        fault = "" if event["fault_id"] is None else f" fault {event['fault_id']}:"
        say(f"{event['number']} {moment:%Y-%m-%dT%H:%M:%SZ} {event['what']}{fault} {event['text']}")
    if not events:
        say("nothing has happened")


async def _add(spec: dict[str, Any], url: str, *, as_json: bool) -> None:
    reply = await ask(url, "POST", "faults", spec)
    say(json.dumps(reply) if as_json else f"fault {reply['id']} is set")


async def _count(method: str, path: str, done: str, url: str, *, as_json: bool) -> None:
    reply = await ask(url, method, path)
    say(json.dumps(reply) if as_json else f"{done} {reply[done]}")


async def _show(url: str, *, as_json: bool) -> None:
    active = await ask(url, "GET", "faults")
    if as_json:
        say(json.dumps(active))
        return
    table = Table("id", "kind", "for", "times", "fired", "held")
    for entry in active:
        fault = entry["fault"]
        target = " ".join(str(fault[name]) for name in ("path", "wallet", "action") if fault[name])
        times = "until cleared" if fault["times"] is None else str(fault["times"])
        table.add_row(str(entry["id"]), fault["kind"], target, times, str(entry["fired"]), str(entry["held"]))
    OUT.print(table if active else "no fault is set")
