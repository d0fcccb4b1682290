"""Fills that the venue has and Hummingbot's database lacks: a bot can die between a fill and its record.

Such a fill belongs to an order of one of three kinds: one that Hummingbot restores and asks about itself; one that it
never recorded, because it died before the venue's answer was written down; and one that it recorded and does not
restore, because its saved states were lost or never loaded. The last two are found here.
"""

from collections.abc import Collection, Iterable
from itertools import batched
from typing import Final

from hummingbot.connector.markets_recorder import MarketsRecorder
from hummingbot.model.market_state import MarketState
from hummingbot.model.trade_fill import TradeFill as FillRow

from tegro.perpetual import AsyncPerpetual, PerpetualOrder

MARGIN_MS: Final = 60 * 60 * 1000
"""How long before the last record a fill may have happened that is not recorded: the clocks differ, a stream breaks."""
FIRST_LOOK_MS: Final = 24 * 60 * 60 * 1000
"""How far back it is looked where the database has recorded nothing at all."""
FURTHEST_MS: Final = 7 * 24 * 60 * 60 * 1000 - MARGIN_MS
"""How far back the venue lists fills in one go (dialect 4.9)."""
FEW: Final = 3
"""Orders that are asked for one by one; more are looked for in lists."""

_IDS_PER_QUERY: Final = 500


def last_recorded_ms(recorder: MarketsRecorder, market: str) -> int | None:
    """Return when a bot's database recorded anything of a connector; None if it never did.

    It waits for the disk, as `recorded_trades` does: call them in a thread.

    Parameters
    ----------
    market
        The connector's name in the database.
    """
    with recorder.sql_manager.get_new_session() as session:
        rows = session.query(MarketState.timestamp).filter(
            MarketState.config_file_path == recorder.config_file_path, MarketState.market == market
        )
        return max((row.timestamp for row in rows), default=None)


def recorded_trades(recorder: MarketsRecorder, market: str, trading_pair: str, trade_ids: Iterable[str]) -> set[str]:
    """Return those of a pair's trade ids that a bot's database has; the venue counts each contract's by itself."""
    found: set[str] = set()
    with recorder.sql_manager.get_new_session() as session:
        for chunk in batched(trade_ids, _IDS_PER_QUERY):
            rows = session.query(FillRow.exchange_trade_id).filter(
                FillRow.market == market, FillRow.symbol == trading_pair, FillRow.exchange_trade_id.in_(chunk)
            )
            found.update(row.exchange_trade_id for row in rows)
    return found


def look_from_ms(recorded_ms: int | None, now_ms: int) -> int:
    """Return from which moment on fills are compared with the database. Pure."""
    if recorded_ms is None:
        return now_ms - FIRST_LOOK_MS
    return max(min(recorded_ms, now_ms) - MARGIN_MS, now_ms - FURTHEST_MS)


async def orders_of(client: AsyncPerpetual, symbol: str, order_ids: Collection[int]) -> list[PerpetualOrder]:
    """Return the orders of these ids that the venue knows, with as few requests as it takes.

    Raises
    ------
    TegroError
        If the venue cannot be asked.
    """
    wanted = set(order_ids)
    found: dict[int, PerpetualOrder] = {}
    if len(wanted) > FEW:
        listed = await client.orders(symbol, from_id=min(wanted), to_id=max(wanted))
        found = {order.order_id: order for order in listed if order.order_id in wanted}
    for order_id in sorted(wanted - found.keys()):
        order = await client.order_by_id(symbol, order_id)
        if order is not None:
            found[order_id] = order
    return [found[order_id] for order_id in sorted(found)]
