"""A trader that dies while it places one order. Run by the tests: URL, key, journal, where it is to die.

`before signed`, `after signed`, `before outcome` and `after outcome` are around the two calls of the journal, `after
written` is when the acceptance is in the file, a moment later; at `never` the parent kills it while its request is
under way.
"""

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

from tegro.client import AsyncTegro
from tegro.journal import JournalEntry, SqliteJournal
from tegro.journal.sqlite import ACCEPTANCE_SECS
from tegro.model import OrderRequest, Side
from tegro.outcome import Resolution
from tegro.settings import Settings
from tegro.signer import LocalSigner


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class MortalJournal(SqliteJournal):
    """Kills the process before or after one of its writes."""

    def __init__(self, path: Path, dies: str) -> None:
        super().__init__(path)
        self._dies = dies

    def record_signed(self, entry: JournalEntry) -> None:
        """Write down an order, or die."""
        self._die_at("before signed")
        super().record_signed(entry)
        self._die_at("after signed")

    def record_outcome(self, order_hash: str, outcome: Resolution) -> None:
        """Write down an outcome, or die."""
        self._die_at("before outcome")
        super().record_outcome(order_hash, outcome)
        self._die_at("after outcome")

    def _write_now(self) -> None:
        super()._write_now()
        self._die_at("after written")

    def _die_at(self, step: str) -> None:
        if step == self._dies:
            die()


async def main(rest_url: str, key: str, journal_path: str, dies: str) -> None:
    """Place one order that rests."""
    environment = Settings.load(None, {"TEGRO_LOCALNET_REST_URL": rest_url, "TEGRO_LOCALNET_RPC_URL": ""}).environment(
        "localnet"
    )
    journal = MortalJournal(Path(journal_path), dies)
    async with AsyncTegro(environment, signer=LocalSigner(key), journal=journal) as client:
        market = await client.market("WETH_USDC")
        await client.place(
            OrderRequest(
                market=market,
                side=Side.BUY,
                price=Decimal(1500),
                quantity=Decimal("0.01"),
                client_order_id="the one",
            )
        )
        await asyncio.sleep(2 * ACCEPTANCE_SECS)


asyncio.run(main(*sys.argv[1:]))
