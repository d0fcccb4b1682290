"""The embedded node as a child process: started, waited for, stopped."""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from eth_account import Account
from msgspec import Struct

from tegro_localnet.chain.accounts import OPERATOR_KEY
from tegro_localnet.chain.errors import NodeError
from tegro_localnet.journal.frames import Durability

_STOP_TIMEOUT_SECS: Final = 2.0
_LONGEST_ERROR_BYTES: Final = 4_096
OPERATOR_GENESIS_WEI: Final = 10**27


class _ReadyLine(Struct):
    port: int


class NodeProcess:
    """The embedded EVM node in its own process, as an async context manager.

    It dies with this process, whatever kills it. Usable once.

    Parameters
    ----------
    chain_id : int
        Free to choose.
    host : str
        The address to listen on.
    port : int
        0 lets the node choose a free one; read `port` or `url` afterwards.
    genesis : mapping of str to int, or None
        Native balances in wei by address; None gives the operator of localnet a billion coins.
    start_timeout_secs : float
        How long the start may take.
    data : Path, optional
        The file that the chain is kept in and taken up from; None keeps it in memory.
    durability : Durability
        What a mined transaction survives, where there is such a file.

    Raises
    ------
    NodeError
        On entering, with the node's last words, if it does not start.
    """

    def __init__(
        self,
        chain_id: int = 31337,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        genesis: Mapping[str, int] | None = None,
        start_timeout_secs: float = 60.0,
        data: Path | None = None,
        durability: Durability = Durability.PROCESS,
    ) -> None:
        self._chain_id = chain_id
        self._data = data
        self._durability = durability
        self._genesis = dict(genesis) if genesis is not None else default_genesis()
        self._start_timeout_secs = start_timeout_secs
        self._process: asyncio.subprocess.Process | None = None
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __aexit__
        self.host: Final = host
        self.port = port

    @property
    def url(self) -> str:
        """Where the node answers JSON-RPC."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id, None before the start."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            # The node ends when this pipe does, so it cannot outlive us.
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._complaints,
        )
        try:
            async with asyncio.timeout(self._start_timeout_secs):
                self.port = await self._ready_port(self._process)
        except TimeoutError as error:
            await self._stop()
            message = f"the chain node was not ready within {self._start_timeout_secs} seconds"
            raise NodeError(message) from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def wait_for_death(self) -> None:
        """Wait until the node ends by itself, for example killed by the system; then raise.

        Raises
        ------
        NodeError
            Always, with the exit code and the node's last words.
        """
        if self._process is None:
            raise NodeError("the chain node was never started")
        await self._process.wait()
        raise self._death(self._process)

    def _command(self) -> list[str]:
        accounts = [f"{address}={balance_wei}" for address, balance_wei in self._genesis.items()]
        return [
            *(sys.executable, "-m", "tegro_localnet.chain.node"),
            *("--chain-id", str(self._chain_id), "--host", self.host, "--port", str(self.port)),
            *("--genesis-accounts", *accounts),
            *(() if self._data is None else ("--data", str(self._data), "--durable", self._durability)),
        ]

    async def _ready_port(self, process: asyncio.subprocess.Process) -> int:
        if process.stdout is None:
            raise NodeError("the chain node has no output to wait for")
        line = await process.stdout.readline()
        if not line:
            await process.wait()
            raise self._death(process)
        return msgspec.json.decode(line, type=_ReadyLine).port

    def _death(self, process: asyncio.subprocess.Process) -> NodeError:
        self._complaints.seek(0, 2)
        self._complaints.seek(max(0, self._complaints.tell() - _LONGEST_ERROR_BYTES))
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        last_words = lines[-1] if lines else "it said nothing"
        return NodeError(f"the chain node ended with exit code {process.returncode}: {last_words}")

    async def _stop(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_SECS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self._complaints.close()


def default_genesis() -> dict[str, int]:
    """Return the balances a localnet chain begins with: the operator's, in wei."""
    return {Account.from_key(OPERATOR_KEY).address.lower(): OPERATOR_GENESIS_WEI}
