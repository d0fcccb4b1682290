"""From the dialect's bodies and frames to model values: pure."""

from decimal import Decimal

from tegro.model import BookLevel, Side
from tegro.perpetual import wire
from tegro.perpetual.model import (
    Contract,
    DepthChange,
    DepthSnapshot,
    FundingRate,
    Income,
    MarginBalance,
    MarginType,
    MarkPrice,
    OrderState,
    PerpetualCandle,
    PerpetualFill,
    PerpetualOrder,
    PerpetualTrade,
    Position,
    PositionSide,
)


def contract_of(info: wire.SymbolInfo) -> Contract:
    """Return a contract with its rules (3.3).

    Raises
    ------
    ValueError
        If one of the rules that orders need is not there.
    """
    rules = {rule.filter_type: rule for rule in info.filters}
    missing = sorted({"PRICE_FILTER", "LOT_SIZE", "MIN_NOTIONAL"} - set(rules))
    if missing:
        raise ValueError(f"{info.symbol} has no filter {missing[0]}")
    price, lot = rules["PRICE_FILTER"], rules["LOT_SIZE"]
    if price.tick_size <= 0 or lot.step_size <= 0:
        raise ValueError(f"{info.symbol} has a tick or lot size that is not above zero")
    return Contract(
        symbol=info.symbol,
        base=info.base_asset,
        quote=info.quote_asset,
        margin_asset=info.margin_asset,
        is_trading=info.status == "TRADING" and info.contract_type == "PERPETUAL",
        tick_size=price.tick_size,
        min_price=price.min_price,
        max_price=price.max_price,
        lot_size=lot.step_size,
        min_quantity=lot.min_qty,
        max_quantity=lot.max_qty,
        max_market_quantity=rules.get("MARKET_LOT_SIZE", lot).max_qty,
        min_notional=rules["MIN_NOTIONAL"].notional,
    )


def order_of(info: wire.OrderInfo) -> PerpetualOrder:
    """Return an order."""
    return PerpetualOrder(
        order_id=info.order_id,
        client_order_id=info.client_order_id,
        symbol=info.symbol,
        side=Side(info.side.lower()),
        position_side=PositionSide(info.position_side),
        order_type=info.type,
        time_in_force=info.time_in_force,
        price=info.price,
        average_price=info.avg_price,
        quantity=info.orig_qty,
        filled=info.executed_qty,
        state=OrderState(info.status),
        reduce_only=info.reduce_only,
        updated_ms=info.update_time,
        created_ms=info.time,
    )


def order_of_event(update: wire.OrderTradeUpdate) -> PerpetualOrder:
    """Return the order of ORDER_TRADE_UPDATE."""
    told = update.order
    return PerpetualOrder(
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        symbol=told.symbol,
        side=Side(told.side.lower()),
        position_side=PositionSide(told.position_side),
        order_type=told.type,
        time_in_force=told.time_in_force,
        price=told.price,
        average_price=told.average_price,
        quantity=told.quantity,
        filled=told.filled,
        state=OrderState(told.status),
        reduce_only=told.reduce_only,
        updated_ms=update.time,
    )


def fill_of_event(update: wire.OrderTradeUpdate) -> PerpetualFill | None:
    """Return the fill that ORDER_TRADE_UPDATE tells of; None where nothing traded (`t` is 0)."""
    told = update.order
    if not told.trade_id:
        return None
    return PerpetualFill(
        trade_id=told.trade_id,
        order_id=told.order_id,
        symbol=told.symbol,
        side=Side(told.side.lower()),
        position_side=PositionSide(told.position_side),
        price=told.last_price,
        quantity=told.last_quantity,
        fee=told.fee,
        fee_asset=told.fee_asset or "",
        realized_pnl=told.realized,
        is_maker=told.is_maker,
        time_ms=told.time,
    )


def fill_of(trade: wire.UserTrade) -> PerpetualFill:
    """Return a fill of the account's list."""
    return PerpetualFill(
        trade_id=trade.id,
        order_id=trade.order_id,
        symbol=trade.symbol,
        side=Side(trade.side.lower()),
        position_side=PositionSide(trade.position_side),
        price=trade.price,
        quantity=trade.qty,
        fee=trade.commission,
        fee_asset=trade.commission_asset,
        realized_pnl=trade.realized_pnl,
        is_maker=trade.maker,
        time_ms=trade.time,
    )


def position_of(row: wire.PositionRisk) -> Position:
    """Return a position of `positionRisk`."""
    return Position(
        symbol=row.symbol,
        position_side=PositionSide(row.position_side),
        quantity=row.position_amt,
        entry_price=row.entry_price,
        unrealized_pnl=row.unrealized_profit,
        mark_price=row.mark_price,
        liquidation_price=row.liquidation_price if row.liquidation_price > 0 else None,
        leverage=int(row.leverage),
        margin_type=MarginType.ISOLATED if row.margin_type.lower() == "isolated" else MarginType.CROSSED,
        isolated_wallet=row.isolated_wallet,
    )


def position_of_event(change: wire.PositionChange) -> Position:
    """Return a position of ACCOUNT_UPDATE."""
    return Position(
        symbol=change.symbol,
        position_side=PositionSide(change.position_side),
        quantity=change.quantity,
        entry_price=change.entry_price,
        unrealized_pnl=change.unrealized,
    )


def balance_of(row: wire.AccountAsset) -> MarginBalance:
    """Return what the account has of an asset."""
    return MarginBalance(
        asset=row.asset, wallet=row.wallet_balance, available=row.available_balance, equity=row.margin_balance
    )


def mark_of(row: wire.PremiumIndex) -> MarkPrice:
    """Return mark, index and funding of `premiumIndex`."""
    return MarkPrice(
        symbol=row.symbol,
        mark=row.mark_price,
        index=row.index_price,
        funding_rate=row.last_funding_rate,
        next_funding_ms=row.next_funding_time,
        time_ms=row.time,
    )


def mark_of_event(update: wire.MarkPriceUpdate) -> MarkPrice:
    """Return mark, index and funding of `@markPrice`."""
    return MarkPrice(
        symbol=update.symbol,
        mark=update.mark,
        index=update.index,
        funding_rate=update.rate,
        next_funding_ms=update.next_time,
        time_ms=update.time,
    )


def funding_of(row: wire.FundingRow) -> FundingRate:
    """Return a funding settlement."""
    return FundingRate(symbol=row.symbol, rate=row.funding_rate, time_ms=row.funding_time)


def income_of(row: wire.IncomeRow) -> Income:
    """Return a change of the wallet balance."""
    return Income(
        income_id=row.tran_id,
        kind=row.income_type,
        symbol=row.symbol,
        amount=row.income,
        asset=row.asset,
        time_ms=row.time,
    )


def trade_of(row: wire.AggregateTrade, symbol: str = "") -> PerpetualTrade:
    """Return a public trade; lists do not repeat the symbol."""
    return PerpetualTrade(
        trade_id=row.trade_id,
        symbol=row.symbol or symbol,
        price=row.price,
        quantity=row.quantity,
        taker_side=Side.SELL if row.is_buyer_maker else Side.BUY,
        time_ms=row.time,
    )


def snapshot_of(depth: wire.Depth, symbol: str) -> DepthSnapshot:
    """Return a whole book."""
    return DepthSnapshot(
        symbol=symbol,
        last_id=depth.last_update_id,
        bids=_levels(depth.bids),
        asks=_levels(depth.asks),
        time_ms=depth.time,
    )


def change_of(update: wire.DepthUpdate) -> DepthChange:
    """Return a change of a book."""
    return DepthChange(
        symbol=update.symbol,
        first_id=update.first_id,
        last_id=update.last_id,
        previous_id=update.previous_id,
        bids=_levels(update.bids),
        asks=_levels(update.asks),
        time_ms=update.time,
    )


def candle_of(row: wire.Kline, now_ms: int) -> PerpetualCandle:
    """Return a bar of `klines`; it is closed when its time is over."""
    return PerpetualCandle(
        open_time_ms=row[0],
        close_time_ms=row[6] + 1,
        open=row[1],
        high=row[2],
        low=row[3],
        close=row[4],
        base_volume=row[5],
        quote_volume=row[7],
        trades=row[8],
        taker_buy_base=row[9],
        taker_buy_quote=row[10],
        is_closed=row[6] < now_ms,
    )


def candle_of_event(bar: wire.KlineBar) -> PerpetualCandle:
    """Return the bar of `@kline_...`."""
    return PerpetualCandle(
        open_time_ms=bar.open_time,
        close_time_ms=bar.close_time + 1,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        base_volume=bar.base_volume,
        quote_volume=bar.quote_volume,
        trades=bar.trades,
        taker_buy_base=bar.taker_buy_base,
        taker_buy_quote=bar.taker_buy_quote,
        is_closed=bar.is_closed,
    )


def _levels(rows: list[wire.Level]) -> list[BookLevel]:
    return [BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in rows]
