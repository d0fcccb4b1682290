"""The exchange's own Python SDK against the venue: REST and streams. Run by a test, in an environment of its own.

The environment names PORT, KEY and SECRET. The counterpart has rested 0.5 BTC on both sides (94900 and 95100). Where an
answer does not fit the SDK's models it hands out the raw dictionary instead: `untyped` names such calls.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
    DerivativesTradingUsdsFutures as Sdk,
)
from binance_sdk_derivatives_trading_usds_futures.rest_api import models

SYMBOL = "BTCUSDT"
DEADLINE_SECS = 60


def sdk(secret: str) -> Sdk:
    port = os.environ["PORT"]
    rest = ConfigurationRestAPI(
        api_key=os.environ["KEY"], api_secret=secret, base_path=f"http://127.0.0.1:{port}", retries=0
    )
    streams = ConfigurationWebSocketStreams(stream_url=f"ws://127.0.0.1:{port}")
    return Sdk(config_rest_api=rest, config_ws_streams=streams)


class Caller:
    """Makes calls, and remembers which answers did not fit the SDK's models."""

    def __init__(self) -> None:
        self.untyped: list[str] = []

    def __call__(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        answer = method(*arguments, **options).data()
        rows = answer if isinstance(answer, list) else [answer]
        if any(isinstance(row, dict) for row in rows):
            self.untyped.append(method.__name__)
        return answer


def public(api: Any, call: Caller) -> dict[str, object]:
    interval = models.KlineCandlestickDataIntervalEnum["INTERVAL_1m"]
    api.test_connectivity()
    return {
        "time": call(api.check_server_time).server_time > 0,
        "symbols": [row.symbol for row in call(api.exchange_information).symbols],
        "book": call(api.order_book, SYMBOL, 5).bids[0],
        "trades": len(call(api.recent_trades_list, SYMBOL)) >= 0,
        "old_trades": len(call(api.old_trades_lookup, SYMBOL)) >= 0,
        "aggregates": len(call(api.compressed_aggregate_trades_list, SYMBOL)) >= 0,
        "candles": len(call(api.kline_candlestick_data, SYMBOL, interval, limit=5)),
        "funding_rates": len(call(api.get_funding_rate_history, SYMBOL)),
        "funding_info": len(call(api.get_funding_rate_info)),
        "open_interest": call(api.open_interest, SYMBOL).symbol,
        "mark": call(api.mark_price, SYMBOL).actual_instance.symbol,
        "day": call(api.ticker24hr_price_change_statistics, SYMBOL).actual_instance.symbol,
        "price": call(api.symbol_price_ticker_v2, SYMBOL).actual_instance.symbol,
        "best": call(api.symbol_order_book_ticker, SYMBOL).actual_instance.bid_price,
    }


def trading(api: Any, call: Caller) -> dict[str, object]:
    buy, limit = models.NewOrderSideEnum["BUY"], models.NewOrderTypeEnum["LIMIT"]
    good = models.NewOrderTimeInForceEnum["GTC"]
    call(api.test_order, SYMBOL, models.TestOrderSideEnum["BUY"], models.TestOrderTypeEnum["MARKET"], quantity=0.01)
    order = call(api.new_order, SYMBOL, buy, limit, time_in_force=good, quantity=0.01, price=94000.0)
    side = models.ModifyOrderSideEnum["BUY"]
    changed = call(api.modify_order, SYMBOL, side, 0.02, price=94010.0, order_id=order.order_id)
    batch = [
        models.PlaceMultipleOrdersBatchOrdersParameterInner(
            symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01, price=price
        )
        for price in (93000.0, 93001.05)
    ]
    placed = call(api.place_multiple_orders, batch)
    cancelled = call(api.cancel_order, SYMBOL, order_id=order.order_id)
    several = call(api.cancel_multiple_orders, SYMBOL, order_id_list=[placed[0].order_id])
    call(api.auto_cancel_all_open_orders, SYMBOL, 60_000)
    call(api.cancel_all_open_orders, SYMBOL)
    market = models.NewOrderTypeEnum["MARKET"]
    result = models.NewOrderNewOrderRespTypeEnum["RESULT"]
    filled = call(api.new_order, SYMBOL, buy, market, quantity=0.1, new_order_resp_type=result)
    return {
        "order": [order.status, order.orig_qty],
        "changed": [changed.orig_qty, changed.price],
        "batch": [row.order_id is not None for row in placed],
        "cancelled": [cancelled.status, several[0].status],
        "queried": call(api.query_order, SYMBOL, order_id=order.order_id).status,
        "open": len(call(api.current_all_open_orders)),
        "all": len(call(api.all_orders, SYMBOL)),
        "filled": [filled.status, filled.executed_qty],
        "fills": call(api.account_trade_list, SYMBOL)[0].qty,
        "positions": [row.position_amt for row in call(api.position_information_v3, SYMBOL)],
        "positions_v2": [row.leverage for row in call(api.position_information_v2, SYMBOL)],
        "forced": len(call(api.users_force_orders)),
        "quantile": len(call(api.position_adl_quantile_estimation)),
    }


def account(api: Any, call: Caller) -> dict[str, object]:
    return {
        "balances": [
            call(api.futures_account_balance_v2)[0].asset,
            call(api.futures_account_balance_v3)[0].asset,
        ],
        "v2": call(api.account_information_v2).can_trade,
        "v3": call(api.account_information_v3).assets[0].asset,
        "config": call(api.futures_account_configuration).can_trade,
        "burn": call(api.get_bnb_burn_status).fee_burn,
        "multi": call(api.get_current_multi_assets_mode).multi_assets_margin,
        "mode": call(api.get_current_position_mode).dual_side_position,
        "income": len(call(api.get_income_history)) > 0,
        "limits": len(call(api.query_user_rate_limit)),
        "symbols": [row.leverage for row in call(api.symbol_configuration)],
        "commission": call(api.user_commission_rate, SYMBOL).taker_commission_rate,
        "leverage": call(api.change_initial_leverage, SYMBOL, 12).leverage,
    }


def refusals(api: Any) -> list[str]:
    seen = []
    for act in (lambda: api.query_order(SYMBOL, order_id=1), sdk("wrong").rest_api.account_information_v3):
        try:
            act()
        except (BadRequestError, UnauthorizedError) as error:
            seen.append(type(error).__name__)
    return seen


async def streams(client: Sdk) -> list[str]:
    """Follow streams of all three groups, trade, and return the kinds of events that came: two of the user's."""
    api = client.rest_api
    kinds: set[str] = set()
    enough = asyncio.Event()

    def seen(event: Any) -> None:
        event = getattr(event, "actual_instance", None) or event
        kinds.add(type(event).__name__)
        if len(kinds) == len(handles) + 1:
            enough.set()

    listen_key = api.start_user_data_stream().data().listen_key
    connection = await client.websocket_streams.create_connection()
    handles = [
        await connection.diff_book_depth_streams(symbol=SYMBOL.lower()),
        await connection.aggregate_trade_streams(symbol=SYMBOL.lower()),
        await connection.mark_price_stream(symbol=SYMBOL.lower()),
        await connection.kline_candlestick_streams(symbol=SYMBOL.lower(), interval="1m"),
        await connection.user_data(listen_key),
    ]
    for handle in handles:
        handle.on("message", seen)
    async with asyncio.timeout(DEADLINE_SECS):
        while not enough.is_set():
            for side in ("BUY", "SELL"):
                api.new_order(SYMBOL, models.NewOrderSideEnum[side], models.NewOrderTypeEnum["MARKET"], quantity=0.001)
            await asyncio.wait({asyncio.ensure_future(enough.wait())}, timeout=0.5)
    api.keepalive_user_data_stream()
    api.close_user_data_stream()
    await connection.close_connection(close_session=True)
    return sorted(kinds)


def main() -> None:
    client = sdk(os.environ["SECRET"])
    call = Caller()
    seen: dict[str, object] = {part.__name__: part(client.rest_api, call) for part in (public, trading, account)}
    seen |= {"refusals": refusals(client.rest_api), "streams": asyncio.run(streams(client)), "untyped": call.untyped}
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main()
