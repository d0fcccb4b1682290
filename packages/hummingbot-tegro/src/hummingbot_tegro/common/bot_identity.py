"""Which bot of this Hummingbot a connector belongs to, and what its database knows.

Several bots may share one wallet and one journal. Hummingbot restores a bot's orders from its database by the name of
its configuration, so these names tell whose an order is: a tag of them goes into each client order id.
"""

import hashlib
from base64 import b32encode
from collections.abc import Collection
from pathlib import Path
from typing import Final

from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.model.order import Order as OrderRow

CLIENT_ORDER_ID_PREFIX: Final = "TEGRO-"

_TAG_LENGTH: Final = 4
_IDS_PER_QUERY: Final = 500


def recorder_of(connector: object) -> MarketsRecorder | None:
    """Return what writes a connector's orders into its bot's database; None where no bot uses it."""
    running = MarketsRecorder._shared_instance  # noqa: SLF001  its only door makes one where there is none
    is_recorded = running is not None and any(market is connector for market in running._markets)  # noqa: SLF001
    return running if is_recorded else None


def order_id_prefix(recorder: MarketsRecorder | None) -> str:
    """Return how the client order ids of a bot begin."""
    if recorder is None:
        return CLIENT_ORDER_ID_PREFIX
    # Bots with one script and different settings have databases of different names.
    bot = f"{recorder.config_file_path} {Path(recorder.sql_manager.db_path).name}"
    digest = hashlib.sha256(bot.encode()).digest()
    return f"{CLIENT_ORDER_ID_PREFIX}{b32encode(digest)[:_TAG_LENGTH].decode().lower()}-"


def recorded_orders(recorder: MarketsRecorder, client_order_ids: Collection[str]) -> set[str]:
    """Return those of the ids that a bot's database has. It waits for the disk: call it in a thread."""
    wanted = list(client_order_ids)
    found: set[str] = set()
    with recorder.sql_manager.get_new_session() as session:
        for start in range(0, len(wanted), _IDS_PER_QUERY):
            chunk = wanted[start : start + _IDS_PER_QUERY]
            found.update(row.id for row in session.query(OrderRow.id).filter(OrderRow.id.in_(chunk)))
    return found
