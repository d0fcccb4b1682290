"""What every command needs: its common options, the settings, the key, and a client for the time of one command."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.errors import InvalidInput

if TYPE_CHECKING:
    from tegro.client import AsyncTegro
    from tegro.settings import Environment
    from tegro.signer import Signer

KEY_VARIABLE: Final = "TEGRO_PRIVATE_KEY"
SETTINGS_VARIABLE: Final = "TEGRO_SETTINGS"

EnvironmentName = Annotated[str, typer.Option("--env", help="mainnet, testnet or localnet.", envvar="TEGRO_ENV")]
ChainName = Annotated[str | None, typer.Option("--chain", help="Chain; the settings or the first one by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WalletAddress = Annotated[str | None, typer.Option("--wallet", help=f"Address; that of ${KEY_VARIABLE} by default.")]


def run[T](
    environment: str, chain: str | None, task: "Callable[[AsyncTegro], Awaitable[T]]", *, needs_key: bool = False
) -> T:
    """Run a task with a client that is closed after it.

    Raises
    ------
    InvalidInput
        If the settings are wrong, or the key is needed and missing.
    """
    return asyncio.run(_with_client(load_environment(environment, chain), task, needs_key=needs_key))


def load_environment(name: str, chain: str | None) -> "Environment":
    """Return an environment from the settings file: `$TEGRO_SETTINGS`, `./tegro.toml`, or `~/.tegro/tegro.toml`."""
    from tegro.settings import Settings

    named = os.environ.get(SETTINGS_VARIABLE)
    if named and not Path(named).exists():
        raise InvalidInput(f"{SETTINGS_VARIABLE} names the file {named}, which is not there")
    candidates = [Path(named)] if named else [Path("tegro.toml"), home() / "tegro.toml"]
    return Settings.load(next((path for path in candidates if path.exists()), None)).environment(name, chain)


def home() -> Path:
    """Return the folder for what outlives a command: `$TEGRO_HOME`, or `~/.tegro`."""
    return Path(os.environ.get("TEGRO_HOME") or Path.home() / ".tegro")


async def _with_client[T](
    environment: "Environment", task: "Callable[[AsyncTegro], Awaitable[T]]", *, needs_key: bool
) -> T:
    from tegro.client import AsyncTegro
    from tegro.journal import SqliteJournal

    signer = _signer()
    if not needs_key:
        async with AsyncTegro(environment, signer=signer) as client:
            return await task(client)
    if signer is None:
        raise InvalidInput(f"this needs a wallet: put its private key into the environment variable {KEY_VARIABLE}")
    home().mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal(home() / "journal.sqlite3")
    try:
        async with AsyncTegro(environment, signer=signer, journal=journal) as client:
            return await task(client)
    finally:
        journal.close()


def _signer() -> "Signer | None":
    from tegro.signer import LocalSigner

    key = os.environ.get(KEY_VARIABLE, "").strip()
    return LocalSigner(key) if key else None
