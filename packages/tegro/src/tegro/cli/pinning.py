"""Commands about pins: what a venue said of its contracts at first use, and agreeing to a change."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from tegro.cli.asking import confirm
from tegro.cli.output import Form, form_of, say, show_json, show_table, tell, utc
from tegro.cli.session import AsJson, ChainName, EnvironmentName, Yes, load_environment, pins_path
from tegro.errors import InvalidInput

if TYPE_CHECKING:
    from tegro.model import Chain, Token
    from tegro.pins import Pins, Question
    from tegro.settings import Environment

app = typer.Typer(no_args_is_help=True, help="What is believed about a venue's contracts; a change stops all signing.")

_MEMORY_ONLY = "localnet's contracts are new with each start, so none are pinned"


@app.command()
def show(env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False) -> None:
    """Show what was pinned, and what the venue has said differently since. Exit code 1: signing is stopped."""
    from tegro.pins import pin_book

    environment, form = load_environment(env, chain), form_of(as_json=as_json)
    pins = pin_book(environment, pins_path()).pinned(environment)
    if form is Form.JSON:
        show_json(pins)
    elif pins is None:
        say(_MEMORY_ONLY if env == "localnet" else "nothing is pinned yet: the first use pins", form)
    else:
        _show_pins(pins)
    if pins is not None and pins.questions:
        tell("signing is stopped until you have found out why and run: tegro pins confirm")
        raise typer.Exit(1)


@app.command("confirm")
def confirm_change(
    yes: Yes = False, env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False
) -> None:
    """Pin what the venue says now in place of what it said before. Ask somebody you trust first."""
    from tegro.pins import pin_book

    environment, form = load_environment(env, chain), form_of(as_json=as_json)
    if environment.name == "localnet":
        raise InvalidInput(_MEMORY_ONLY)
    book = pin_book(environment, pins_path())
    pins = book.pinned(environment)
    if pins is None:
        say("nothing is pinned yet: the first use pins", form)
        return
    offered, tokens = asyncio.run(_offered(environment))
    changed = [token for token in tokens if _token_change(pins, token) is not None]
    changes = _changes(pins, offered, changed)
    if form is Form.JSON:
        show_json({"changes": changes})
    elif changes:
        rows = [(each.what, each.pinned, each.offered) for each in changes]
        show_table(("what", "pinned", "the venue says now"), rows)
    if not changes and not pins.questions:
        say("nothing to confirm: the venue says what is pinned", form)
        return
    if not changes:
        tell("the venue says again what is pinned; it said something else before")
    confirm(
        f"{len(changes)} changes of {environment.name} are believed from now on, and signing goes on", is_agreed=yes
    )
    book.confirm(environment, offered, changed)
    say("confirmed", form)


async def _offered(environment: "Environment") -> "tuple[Chain, list[Token]]":
    """Return what the venue says now, held to the settings alone."""
    from tegro.client import AsyncTegro
    from tegro.pins import MemoryPins

    async with AsyncTegro(environment, pins=MemoryPins(), on_first_use=lambda _: None) as client:
        chain = await client.chain()
        markets = await client.markets()
    return chain, list(dict.fromkeys(token for market in markets for token in (market.base, market.quote)))


def _changes(pins: "Pins", chain: "Chain", changed: "Iterable[Token]") -> "list[Question]":
    """Return where the venue says something else than what is pinned."""
    from tegro.pins import Question

    found = [change for token in changed if (change := _token_change(pins, token)) is not None]
    if pins.exchange_contract not in (None, chain.exchange_contract):
        found.insert(0, Question("exchange contract", str(pins.exchange_contract), chain.exchange_contract))
    return found


def _token_change(pins: "Pins", token: "Token") -> "Question | None":
    """Return how a token differs from what is pinned; None where it does not, or was never used."""
    from tegro.pins import Question

    known = pins.tokens.get(token.address)
    if known is None:
        namesakes = [address for address, each in pins.tokens.items() if each.symbol == token.symbol]
        return Question(f"token {token.symbol}", ", ".join(namesakes), token.address) if namesakes else None
    if (known.symbol, known.decimals) == (token.symbol, token.decimals):
        return None
    before, now = (f"{each.symbol} with {each.decimals} decimals" for each in (known, token))
    return Question(f"token at {token.address}", before, now)


def _show_pins(pins: "Pins") -> None:
    rows: list[tuple[object, ...]] = [("exchange contract", pins.exchange_contract, None)]
    for address, token in pins.tokens.items():
        checked = "decimals read from the chain" if token.is_verified else "decimals as the venue says"
        rows.append((f"token {token.symbol}", address, f"{token.decimals} decimals; {checked}"))
    rows += [("first seen", utc(pins.first_seen_ms), None)]
    rows += [(f"CHANGED: {each.what}", each.pinned, f"the venue named {each.offered}") for each in pins.questions]
    show_table(("what", "pinned", ""), rows)
