"""Run the embedded node: `python -m tegro_localnet.chain.node`.

Writes one line of JSON with the port when it is ready. Ends on SIGTERM, on SIGINT, and when its standard input ends,
which happens when the process that started it ends.
"""

import argparse
import asyncio
import gc
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.methods import Methods
from tegro_localnet.chain.node.server import application
from tegro_localnet.chain.node.store import BlockStore
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import Durability

_OBJECTS_PER_COLLECTION: Final = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is told to end; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        store = None if options.data is None else BlockStore(options.data, options.durable)
        chain = LocalChain(options.chain_id, dict(options.genesis_accounts), lambda: int(time.time()), store)
    except LocalnetError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    try:
        asyncio.run(_serve(Methods(chain), options.host, options.port))
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _serve(methods: Methods, host: str, port: int) -> None:
    runner = web.AppRunner(application(methods), access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        stop = await _stop_signal()
        bound_port = runner.addresses[0][1]
        # What was loaded stays; a settlement makes so many small objects that the collector would look again and again.
        gc.freeze()
        gc.set_threshold(_OBJECTS_PER_COLLECTION)
        sys.stdout.write(msgspec.json.encode({"port": bound_port}).decode() + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


async def _stop_signal() -> asyncio.Event:
    """Return an event that is set when the node has to end."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    class _EndOfInput(asyncio.Protocol):
        def eof_received(self) -> None:
            stop.set()

        def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is the protocol's
            stop.set()

    await loop.connect_read_pipe(_EndOfInput, sys.stdin)
    return stop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tegro_localnet.chain.node", description=__doc__)
    parser.add_argument("--chain-id", type=int, default=31337)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8545, help="0 chooses a free one")
    parser.add_argument(
        "--genesis-accounts", type=_genesis_account, nargs="*", default=[], metavar="ADDRESS=WEI", help="first balances"
    )
    parser.add_argument("--data", type=Path, help="file to keep the blocks in; in memory when absent")
    parser.add_argument("--durable", type=Durability, default=Durability.PROCESS, help="what a block in it survives")
    return parser


def _genesis_account(text: str) -> tuple[bytes, int]:
    address, _, balance = text.partition("=")
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
        wei = int(balance)
    except ValueError as error:
        message = f"expected ADDRESS=WEI, was {text!r}"
        raise argparse.ArgumentTypeError(message) from error
    if len(raw) != 20:
        message = f"an address has 20 bytes, was {address!r}"
        raise argparse.ArgumentTypeError(message)
    return raw, wei


if __name__ == "__main__":
    sys.exit(main())
