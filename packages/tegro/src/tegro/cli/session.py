"""What every command needs: its common options, the settings, and a client for the time of one task."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tegro.cli.output import tell
from tegro.cli.signing import KEY_VARIABLE, SIGNER_VARIABLE, WatchedWallet, open_signer, wallet_of
from tegro.errors import InvalidInput

if TYPE_CHECKING:
    from tegro.client import AsyncTegro
    from tegro.journal import SqliteJournal
    from tegro.pins import FirstUse
    from tegro.settings import Environment
    from tegro.signer import Signer

SETTINGS_VARIABLE: Final = "TEGRO_SETTINGS"

EnvironmentName = Annotated[str, typer.Option("--env", help="mainnet, testnet or localnet.", envvar="TEGRO_ENV")]
ChainName = Annotated[str | None, typer.Option("--chain", help="Chain; the settings or the first one by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Agree beforehand: nobody is asked.")]
SignerName = Annotated[
    str | None,
    typer.Option(
        "--signer",
        help=f"keystore:PATH or web3signer:URL#0xADDRESS; ${SIGNER_VARIABLE}, else the key in ${KEY_VARIABLE}.",
    ),
]
WalletAddress = Annotated[str | None, typer.Option("--wallet", help="Address; that of the signer by default.")]


class Access:
    """A venue, for one wallet or for none. Each task gets a client of its own, closed after it.

    Parameters
    ----------
    environment
        The venue and the chain.
    signer
        The wallet; None for what needs none.
    keeps_record
        Whether signed orders are written into the journal of the home folder.
    needs_record
        Whether nothing is done where that journal cannot be opened. What only stops things goes on without it.
    """

    def __init__(
        self,
        environment: "Environment",
        signer: "Signer | None" = None,
        *,
        keeps_record: bool = False,
        needs_record: bool = True,
    ) -> None:
        self.environment = environment
        self.signer = signer
        self._keeps_record = keeps_record
        self._needs_record = needs_record

    def run[T](self, task: "Callable[[AsyncTegro], Awaitable[T]]") -> T:
        """Run a task with a client and return what it returns."""
        return asyncio.run(self._run(task))

    async def _run[T](self, task: "Callable[[AsyncTegro], Awaitable[T]]") -> T:
        from tegro.client import AsyncTegro
        from tegro.pins import pin_book
        from tegro.web3signer import Web3Signer

        environment = self.environment
        pins = pin_book(environment, pins_path())
        journal = self._open_journal() if self._keeps_record else None
        try:
            async with AsyncTegro(
                environment,
                signer=self.signer,
                journal=journal,
                pins=pins,
                # Localnet's contracts are new with each start, so nothing about them is remembered or worth telling.
                on_first_use=_ignore if environment.name == "localnet" else _tell_first_use,
            ) as client:
                return await task(client)
        finally:
            if journal is not None:
                journal.close()
            if isinstance(self.signer, Web3Signer):
                await self.signer.aclose()

    def _open_journal(self) -> "SqliteJournal | None":
        from tegro.errors import JournalFailure
        from tegro.journal import SqliteJournal

        try:
            return SqliteJournal(journal_path(self.environment.name))
        except JournalFailure as error:
            if self._needs_record:
                raise
            tell(f"{error}; going on without it: an order that the venue does not list is not known then")
            return None


def public(environment: str, chain: str | None) -> Access:
    """Return access that needs no wallet.

    Raises
    ------
    InvalidInput
        If the settings are wrong.
    """
    return Access(load_environment(environment, chain))


def watching(environment: str, chain: str | None, signer: str | None, wallet: str | None = None) -> Access:
    """Return access that looks at a wallet and signs nothing; errors as in `public` and `wallet_of`."""
    loaded = load_environment(environment, chain)
    return Access(loaded, WatchedWallet(wallet or wallet_of(signer)))


def signing(environment: str, chain: str | None, signer: str | None) -> Access:
    """Return access that may sign; errors as in `public` and `open_signer`."""
    loaded = load_environment(environment, chain)
    return Access(loaded, open_signer(signer), keeps_record=True)


def stopping(environment: str, chain: str | None, signer: str | None) -> Access:
    """Return access that signs cancels, also where a full disk keeps the journal shut; errors as in `signing`."""
    return Access(load_environment(environment, chain), open_signer(signer), keeps_record=True, needs_record=False)


def load_environment(name: str, chain: str | None) -> "Environment":
    """Return an environment from the settings file, checked."""
    from tegro.settings import Settings

    return Settings.load(settings_path()).environment(name, chain)


def settings_path() -> Path | None:
    """Return the settings file: `$TEGRO_SETTINGS`, `./tegro.toml`, or `~/.tegro/tegro.toml`; None where there is none.

    Raises
    ------
    InvalidInput
        If the variable names a file that is not there.
    """
    named = os.environ.get(SETTINGS_VARIABLE)
    if named and not Path(named).exists():
        raise InvalidInput(f"{SETTINGS_VARIABLE} names the file {named}, which is not there")
    candidates = [Path(named)] if named else [Path("tegro.toml"), home() / "tegro.toml"]
    return next((path for path in candidates if path.exists()), None)


def home() -> Path:
    """Return the folder for what outlives a command: `$TEGRO_HOME`, or `~/.tegro`."""
    return Path(os.environ.get("TEGRO_HOME") or Path.home() / ".tegro")


def journal_path(environment: str) -> Path:
    """Return the file of the journal of the orders that were signed for an environment.

    Each has its own: what a localnet of yesterday never took must not be looked for on another venue.
    """
    return home() / f"journal-{environment}.sqlite3"


def pins_path() -> Path:
    """Return the file of what venues said of their contracts."""
    return home() / "pins.json"


def _tell_first_use(use: "FirstUse") -> None:
    tell(f"first use: {use}")


def _ignore(_: "FirstUse") -> None:
    pass
