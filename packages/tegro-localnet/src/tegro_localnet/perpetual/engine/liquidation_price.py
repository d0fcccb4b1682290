"""At which mark price a position is liquidated, and at which its margin is used up (perpetual dialect 10.5, 10.6)."""

from typing import Final

from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.contract import Bracket
from tegro_localnet.perpetual.engine.margin import Markets, rows_of
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.units import E18, PPM, nearest_div, notional_e8

_MOST_ROUNDS: Final = 20


def liquidation_price_e18(account: Account, markets: Markets, position: Position) -> int:
    """Return the mark price at which margin balance and maintenance margin meet; zero where there is none."""
    market = markets[position.symbol]
    if not position.quantity_e8:
        return 0
    together, balance_e8 = _risk_of(account, markets, position)
    price_e18 = market.mark_e18
    seen: list[Bracket] = []
    for _ in range(_MOST_ROUNDS):
        # The bracket is that of the worth at the price that is looked for, so the search repeats until it agrees.
        brackets = [market.contract.bracket_of(notional_e8(abs(held.quantity_e8), price_e18)) for held in together]
        if brackets == seen:
            break
        seen = brackets
        found_e18 = _price_e18(balance_e8, together, brackets)
        if found_e18 is None:
            return 0
        price_e18 = found_e18
    return price_e18


def bankruptcy_price_e18(market: Market, position: Position, equity_e8: int) -> int:
    """Return the price at which closing a position leaves nothing of an equity, at least one tick.

    Source: perpetual dialect 10.6; for an isolated position this is E - s x isolatedWallet / Q.
    """
    change_e18 = equity_e8 * E18 // abs(position.quantity_e8)
    price_e18 = market.mark_e18 - change_e18 if position.quantity_e8 > 0 else market.mark_e18 + change_e18
    return max(market.contract.tick_e18, price_e18)


def _risk_of(account: Account, markets: Markets, position: Position) -> tuple[list[Position], int]:
    """Return the positions that share a liquidation price, and the balance behind them (WB - TMM1 + UPNL1)."""
    if account.setting(position.symbol).is_isolated:
        return [position], position.isolated_wallet_e8
    rows = [row for row in rows_of(account, markets) if not row.is_isolated]
    others = [row for row in rows if row.position.symbol != position.symbol]
    together = [row.position for row in rows if row.position.symbol == position.symbol and row.position.quantity_e8]
    balance_e8 = account.cross_wallet_e8 + sum(row.unrealized_e8 - row.maintenance_e8 for row in others)
    return together, balance_e8


def _price_e18(balance_e8: int, positions: list[Position], brackets: list[Bracket]) -> int | None:
    """Return where the two meet in these brackets, at least zero; None where they rise and fall together."""
    pairs = list(zip(positions, brackets, strict=True))
    above = balance_e8 + sum(bracket.cum_e8 - position.cost_e8 for position, bracket in pairs)
    below = sum(abs(position.quantity_e8) * bracket.maintenance_ppm for position, bracket in pairs)
    below -= sum(position.quantity_e8 for position in positions) * PPM
    if below == 0:
        return None
    return max(0, nearest_div(above * E18 * PPM, below))
