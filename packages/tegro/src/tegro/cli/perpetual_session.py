"""What every `tegro perp` command needs: its options, and a client for the time of one task."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.cli.output import tell
from tegro.cli.session import home, settings_path
from tegro.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from tegro.perpetual import ApiKey, AsyncPerpetual, PerpetualEnvironment

KEY_VARIABLE: Final = "TEGRO_PERPETUAL_API_KEY"
SECRET_VARIABLE: Final = "TEGRO_PERPETUAL_API_SECRET"  # noqa: S105  the name of a variable

EnvironmentName = Annotated[
    str, typer.Option("--env", help="mainnet, testnet or localnet.", envvar="TEGRO_PERPETUAL_ENV")
]
Symbol = Annotated[str, typer.Argument(help="Contract, such as ETHUSDT.")]


class PerpetualAccess:
    """A perpetual venue, for one account or for none. Each task gets a client of its own, closed after it."""

    def __init__(self, environment: "PerpetualEnvironment", api_key: "ApiKey | None" = None) -> None:
        self.environment = environment
        self._api_key = api_key

    def run[T](self, task: "Callable[[AsyncPerpetual], Awaitable[T]]") -> T:
        """Run a task with a client and return what it returns."""
        return asyncio.run(self._run(task))

    async def _run[T](self, task: "Callable[[AsyncPerpetual], Awaitable[T]]") -> T:
        from tegro.perpetual import AsyncPerpetual

        async with AsyncPerpetual(self.environment, api_key=self._api_key) as client:
            return await task(client)


def public(environment: str) -> PerpetualAccess:
    """Return access to market data.

    Raises
    ------
    InvalidInput
        If the settings are wrong.
    """
    return PerpetualAccess(load(environment))


def signing(environment: str) -> PerpetualAccess:
    """Return access to the account whose key and secret are in the environment variables.

    Raises
    ------
    InvalidInput
        If the settings are wrong, or key or secret are missing.
    SigningRefused
        If the host was not confirmed.
    """
    from tegro.perpetual import ApiKey

    loaded = load(environment)
    loaded.require_confirmed()
    key, secret = os.environ.get(KEY_VARIABLE, ""), os.environ.get(SECRET_VARIABLE, "")
    if not key or not secret:
        raise InvalidInput(f"put the API key into {KEY_VARIABLE} and its secret into {SECRET_VARIABLE}")
    return PerpetualAccess(loaded, ApiKey(key.strip(), secret.strip()))


def load(name: str) -> "PerpetualEnvironment":
    """Return an environment from the settings file, and say what is not proven about it."""
    from tegro.perpetual import load_perpetual
    from tegro.perpetual.settings import NOT_PROVEN

    environment = load_perpetual(name, settings_path())
    if environment.name != "localnet":
        guess = f"; {environment.stream_url} is a guess" if environment.is_stream_guessed else ""
        tell(f"note: {NOT_PROVEN}{guess}")
    return environment


def writable_settings() -> "Path":
    """Return the settings file to write to: the one that is read, or a new one in the home folder."""
    return settings_path() or home() / "tegro.toml"
