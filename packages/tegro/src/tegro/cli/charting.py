"""The command `tegro candles`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.cli.output import Column, Form, form_of, show_json_line, show_line, show_list, tell, utc
from tegro.cli.progress import progress
from tegro.cli.reading import Follow, Symbol
from tegro.cli.session import AsCsv, AsJson, ChainName, EnvironmentName, home, public
from tegro.errors import HistoryMissing, InvalidInput

if TYPE_CHECKING:
    from tegro.candles import Candle, CandleStore, Interval
    from tegro.client import AsyncTegro

_FEW: Final = 50
"""Candles shown where no number is asked for: as many of them as are known."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

CANDLE_COLUMNS: "Final[Sequence[Column[Candle]]]" = (
    Column("open_time", lambda candle: utc(candle.open_time_ms), "open time"),
    Column("open", lambda candle: candle.open, "open"),
    Column("high", lambda candle: candle.high, "high"),
    Column("low", lambda candle: candle.low, "low"),
    Column("close", lambda candle: candle.close, "close"),
    Column("base_volume", lambda candle: candle.base_volume, "volume"),
    Column("quote_volume", lambda candle: candle.quote_volume, "quote volume"),
    Column("trades", lambda candle: candle.trades, "trades"),
    Column("is_closed", lambda candle: candle.is_closed, "closed"),
    Column("open_time_ms", lambda candle: candle.open_time_ms),
    Column("close_time_ms", lambda candle: candle.close_time_ms),
)


def candles(
    symbol: Symbol,
    interval: Annotated[str, typer.Argument(help="1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M.")],
    *,
    since: Annotated[
        str | None, typer.Option(help="Begin with the candle of this moment, ISO 8601, UTC if it names no zone.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help=f"How many; by default {_FEW}, or all known.")] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            help="File that keeps what was seen. [default: candles-ENV.sqlite3 in the home; none on localnet]"
        ),
    ] = None,
    follow: Follow = False,
    env: EnvironmentName = "mainnet",
    chain: ChainName = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List a market's candles, oldest first. What nobody has seen is not made up: the command fails and says so."""
    from tegro.candles import Interval

    access, form, length = public(env, chain), form_of(as_json=as_json, as_csv=as_csv), Interval(interval)
    if since is not None and (limit is not None or follow):
        raise InvalidInput("--since goes with neither --limit nor --follow")
    start_ms = None if since is None else _moment_ms(since)
    with _opened(store, access.environment.name) as kept:
        if follow:
            from tegro.cli.following import require_lines

            require_lines(form)
            access.run(lambda client: _follow(client, symbol, length, history=limit or 0, store=kept, form=form))
            return
        with progress(f"reading candles of {symbol}"):
            found = access.run(lambda client: _read(client, symbol, length, start_ms=start_ms, limit=limit, store=kept))
        show_list(CANDLE_COLUMNS, found, form)


@contextmanager
def _opened(path: Path | None, environment: str) -> "Iterator[CandleStore | None]":
    """Give the store; None on localnet, which forgets its trades at each start."""
    from tegro.candles import CandleStore

    if path is None and environment == "localnet":
        yield None
        return
    store = CandleStore(path or home() / f"candles-{environment}.sqlite3")
    try:
        yield store
    finally:
        store.close()


async def _read(
    client: "AsyncTegro",
    symbol: str,
    interval: "Interval",
    *,
    start_ms: int | None,
    limit: int | None,
    store: "CandleStore | None",
) -> "list[Candle]":
    from tegro.candles.history import now_ms

    if start_ms is not None or limit is not None:
        return await client.candles(symbol, interval, start_ms=start_ms, limit=limit, store=store)
    try:
        return await client.candles(symbol, interval, limit=_FEW, store=store)
    except HistoryMissing as missing:
        if missing.since_ms is None or missing.since_ms >= now_ms():
            raise
        tell(str(missing))
        return await client.candles(symbol, interval, start_ms=missing.since_ms, store=store)


async def _follow(
    client: "AsyncTegro",
    symbol: str,
    interval: "Interval",
    *,
    history: int,
    store: "CandleStore | None",
    form: Form,
) -> None:
    market = await client.market(symbol)
    async with client.candle_feed(market, interval, history=history, store=store) as feed:
        async for candle in feed:
            if form is Form.JSON:
                show_json_line({column.name: column.of(candle) for column in CANDLE_COLUMNS})
            else:
                show_line(column.of(candle) for column in CANDLE_COLUMNS if column.heading is not None)


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"--since must be a date or time of ISO 8601, such as 2026-01-31T12:00, was {text!r}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
