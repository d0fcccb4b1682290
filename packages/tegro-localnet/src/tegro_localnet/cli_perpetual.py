"""`tegro localnet api-key` and `tegro localnet perpetual`: accounts, prices and funding of the perpetual venue."""

import json
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from tegro_localnet.cli_faults import Json, Url
from tegro_localnet.control_client import DEFAULT_URL, ask
from tegro_localnet.terminal import OUT, complete, say

app: Final = typer.Typer(
    name="perpetual",
    help="The perpetual venue of a running localnet. It speaks the dialect of Binance's USD-M futures.",
    no_args_is_help=True,
)

_MARKET_COLUMNS: Final = ("symbol", "indexPrice", "markPrice", "lastFundingRate", "nextFundingTime")
_POSITION_COLUMNS: Final = (
    *("accountId", "symbol", "positionSide", "positionAmt"),
    *("entryPrice", "unRealizedProfit", "liquidationPrice"),
)
_Symbol = Annotated[str, typer.Argument(help="Such as BTCUSDT.")]


def api_key(
    *,
    deposit: Annotated[str, typer.Option(help="USDT that the new account begins with.")] = "100000",
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Open an account of the perpetual venue and print the API key and the secret to it."""
    complete(_open_account(deposit, url, as_json=as_json))


@app.command(context_settings={"ignore_unknown_options": True})  # a negative amount is no option
def deposit(
    account_id: Annotated[int, typer.Argument(help="Number that api-key printed.")],
    amount: Annotated[str, typer.Argument(help="USDT; negative takes out.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Bring USDT to an account, or take it out."""
    body = {"account_id": account_id, "amount": amount}
    complete(_change("deposit", body, "account {accountId} holds {walletBalance} USDT", url, as_json=as_json))


@app.command()
def index(
    symbol: _Symbol,
    price: Annotated[str, typer.Argument(help="Index price in USDT.")],
    *,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Set the index price of a contract. The agents go on from there."""
    body = {"symbol": symbol, "price": price}
    line = "{symbol}: index price {indexPrice}, mark price {markPrice}"
    complete(_change("index", body, line, url, as_json=as_json))


@app.command()
def funding(
    symbol: _Symbol,
    *,
    interval_secs: Annotated[int, typer.Option(help="Seconds from one funding to the next.")],
    rate: Annotated[str | None, typer.Option(help="Rate of every funding; from the premium when absent.")] = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Set how a contract is funded."""
    body = {"symbol": symbol, "interval_secs": interval_secs} | ({} if rate is None else {"rate": rate})
    line = "{symbol}: funding rate {lastFundingRate}, next at {nextFundingTime}"
    complete(_change("funding", body, line, url, as_json=as_json))


@app.command()
def show(*, url: Url = DEFAULT_URL, as_json: Json = False) -> None:
    """Show prices, funding and positions."""
    complete(_show(url, as_json=as_json))


async def _open_account(deposit_text: str, url: str, *, as_json: bool) -> None:
    reply = await ask(url, "POST", "perpetual/api-keys", {"deposit": deposit_text})
    if as_json:
        say(json.dumps(reply))
        return
    say(f"account  {reply['accountId']}, {reply['deposit']} USDT")
    say(f"API key  {reply['apiKey']}")
    say(f"secret   {reply['apiSecret']}")


async def _change(path: str, body: dict[str, Any], line: str, url: str, *, as_json: bool) -> None:
    reply = await ask(url, "POST", f"perpetual/{path}", body)
    say(json.dumps(reply) if as_json else line.format(**reply))


async def _show(url: str, *, as_json: bool) -> None:
    view = await ask(url, "GET", "perpetual")
    if as_json:
        say(json.dumps(view))
        return
    markets = Table("contract", "index", "mark", "funding rate", "next funding (ms)")
    for market in view["markets"]:
        markets.add_row(*(str(market[name]) for name in _MARKET_COLUMNS))
    OUT.print(markets)
    positions = Table("account", "contract", "side", "amount", "entry", "profit", "liquidation")
    for position in view["positions"]:
        positions.add_row(*(str(position[name]) for name in _POSITION_COLUMNS))
    OUT.print(positions if view["positions"] else "no positions")
    say(f"insurance fund {view['insuranceFund']} USDT, fees {view['fees']} USDT")
