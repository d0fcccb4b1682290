"""What positions and orders need: initial margin, maintenance margin, what is left (perpetual dialect 10.2 to 10.4)."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.terms import PositionSide
from tegro_localnet.perpetual.engine.units import ceil_div

type Markets = Mapping[str, Market]


class RowMargin(Struct, frozen=True, kw_only=True):
    """What one position side of one contract needs at the mark price, orders included."""

    position: Position
    is_isolated: bool
    leverage: int
    notional_e8: int
    """Signed worth of the position."""
    unrealized_e8: int
    bids_e8: int
    asks_e8: int
    """Worth of the open orders that may enlarge the position."""
    worst_e8: int
    """The largest worth the position can reach by its open orders, without sign."""
    position_initial_e8: int
    initial_e8: int
    maintenance_e8: int

    @property
    def open_order_initial_e8(self) -> int:
        """Initial margin of the open orders alone."""
        return self.initial_e8 - self.position_initial_e8

    def with_orders(self, bids_e8: int, asks_e8: int) -> tuple[int, int]:
        """Return the largest worth and the initial margin with further buys and sells that are worth so much."""
        worst_e8 = _worst_e8(self.notional_e8, self.bids_e8 + bids_e8, self.asks_e8 + asks_e8)
        return worst_e8, ceil_div(worst_e8, self.leverage)


class AccountMargin(Struct, frozen=True, kw_only=True):
    """The sums of an account."""

    wallet_e8: int
    cross_wallet_e8: int
    unrealized_e8: int
    cross_unrealized_e8: int
    position_initial_e8: int
    open_order_initial_e8: int
    maintenance_e8: int
    cross_initial_e8: int
    cross_maintenance_e8: int
    available_e8: int
    """What new orders may use."""
    withdrawable_e8: int
    """What may leave: profit that is not realised may not."""

    @property
    def initial_e8(self) -> int:
        """Initial margin of positions and orders."""
        return self.position_initial_e8 + self.open_order_initial_e8

    @property
    def margin_balance_e8(self) -> int:
        """Wallet and unrealised profit."""
        return self.wallet_e8 + self.unrealized_e8

    @property
    def cross_balance_e8(self) -> int:
        """What stands behind the cross positions."""
        return self.cross_wallet_e8 + self.cross_unrealized_e8


def row_margin(account: Account, market: Market, side: PositionSide) -> RowMargin:
    """Return what a position side needs."""
    contract = market.contract
    position = account.position(contract.symbol, side)
    settings = account.setting(contract.symbol)
    notional_e8 = position.notional_e8(market.mark_e18)
    bids_e8, asks_e8 = account.opening_notionals(contract.symbol, side)
    worst_e8 = _worst_e8(notional_e8, bids_e8, asks_e8)
    return RowMargin(
        position=position,
        is_isolated=settings.is_isolated,
        leverage=settings.leverage,
        notional_e8=notional_e8,
        unrealized_e8=notional_e8 - position.cost_e8,
        bids_e8=bids_e8,
        asks_e8=asks_e8,
        worst_e8=worst_e8,
        position_initial_e8=ceil_div(abs(notional_e8), settings.leverage),
        initial_e8=ceil_div(worst_e8, settings.leverage),
        maintenance_e8=contract.maintenance_e8(abs(notional_e8)),
    )


def rows_of(account: Account, markets: Markets, known: RowMargin | None = None) -> Iterator[RowMargin]:
    """Yield the rows that have a position or open orders; the one that is known already is not reckoned again."""
    for (symbol, side), position in tuple(account.positions.items()):
        if side in account.sides and (position.quantity_e8 or account.open_orders.get(symbol)):
            if known is not None and known.position is position:
                yield known
            else:
                yield row_margin(account, markets[symbol], side)


def account_margin(account: Account, markets: Markets, known: RowMargin | None = None) -> AccountMargin:
    """Return the sums of an account at the mark prices.

    Parameters
    ----------
    account, markets
        The account, and every market by symbol.
    known
        A row of the account as it is now, so that its orders are not counted twice; None: none is known.
    """
    rows = list(rows_of(account, markets, known))
    cross = [row for row in rows if not row.is_isolated]
    cross_wallet_e8 = account.cross_wallet_e8
    cross_unrealized_e8 = sum(row.unrealized_e8 for row in cross)
    cross_initial_e8 = sum(row.initial_e8 for row in cross)
    isolated_orders_e8 = sum(row.open_order_initial_e8 for row in rows if row.is_isolated)
    available_e8 = max(0, cross_wallet_e8 + cross_unrealized_e8 - cross_initial_e8 - isolated_orders_e8)
    return AccountMargin(
        wallet_e8=account.wallet_e8,
        cross_wallet_e8=cross_wallet_e8,
        unrealized_e8=sum(row.unrealized_e8 for row in rows),
        cross_unrealized_e8=cross_unrealized_e8,
        position_initial_e8=sum(row.position_initial_e8 for row in rows),
        open_order_initial_e8=sum(row.open_order_initial_e8 for row in rows),
        maintenance_e8=sum(row.maintenance_e8 for row in rows),
        cross_initial_e8=cross_initial_e8,
        cross_maintenance_e8=sum(row.maintenance_e8 for row in cross),
        available_e8=available_e8,
        withdrawable_e8=max(0, min(available_e8, cross_wallet_e8 - cross_initial_e8 - isolated_orders_e8)),
    )


def _worst_e8(notional_e8: int, bids_e8: int, asks_e8: int) -> int:
    return max(abs(notional_e8 + bids_e8), abs(notional_e8 - asks_e8))
