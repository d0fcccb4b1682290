"""The venue as requests see it: checked by signature and funds, then handed to the life of orders and trades."""

import random
from collections.abc import Callable, Mapping
from typing import Final

from tegro.model import CancelCode, Side
from tegro.wire import OrderInfo
from tegro_localnet.announcer import Announcer
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.engine.ledger import Holding, Lack, Ledger
from tegro_localnet.engine.matching import crosses
from tegro_localnet.intake import CheckedOrder, Intake
from tegro_localnet.lifecycle import EXPIRED
from tegro_localnet.markets import ListedMarket
from tegro_localnet.refusal import Refused
from tegro_localnet.switches import SwitchBoard, Switches

__all__ = ["EXPIRED", "Venue"]

_LACK_TEXTS: Final = {Lack.FUNDS: "insufficient funds", Lack.ALLOWANCE: "insufficient allowance"}


class Venue(SharedLifecycle):
    """Orders, trades and books of one chain. All methods run on one event loop; only `place` waits for the chain."""

    def __init__(
        self,
        *,
        markets: Mapping[str, ListedMarket],
        intake: Intake,
        ledger: Ledger,
        mirror: ChainMirror,
        announcer: Announcer,
        fee_bps: int,
        clock_ms: Callable[[], int],
        rng: random.Random,
        switches: SwitchBoard | None = None,
    ) -> None:
        super().__init__(
            markets=markets, ledger=ledger, announcer=announcer, fee_bps=fee_bps, clock_ms=clock_ms, rng=rng
        )
        self._intake = intake
        self._mirror = mirror
        self._switches = switches or SwitchBoard(Switches())
        mirror.follow_for(self)

    async def place(self, body: bytes) -> OrderInfo:
        """Check, accept and match an order; returns it as it was before matching, in `open` (protocol 5.5).

        Raises
        ------
        Refused
            If any check fails. Nothing has changed then.
        """
        checked = self._intake.check_order(body)
        wallet, token, _ = _payment_of(checked)
        await self._mirror.ensure(wallet, [token])
        if self._refusal_of(checked) is not None:
            # The owner may have approved or received tokens a moment ago: ask the chain before saying no.
            await self._mirror.refresh([(wallet, token)])
        refusal = self._refusal_of(checked)
        if refusal is not None:
            raise Refused(refusal)
        return self.accept(checked.order, checked.listed.market.id, checked.order_hash)

    def cancel(self, body: bytes) -> list[str]:
        """Cancel by a signed list; ids that are unknown or not open are left out of the answer (protocol 12).

        Or, if a switch says so, one of them makes the whole request refused.

        Raises
        ------
        Refused
            If the request is malformed, not signed by the wallet, or names no open order of it.
        """
        wallet, order_ids = self._intake.check_cancel(body)
        records = self.open_orders(wallet, order_ids)
        if not records:
            raise Refused(f"Order not found: {wallet} has no open order among those ids")
        if self._switches.now.mixed_cancel == "refuse_all" and len(records) != len(set(order_ids)):
            raise Refused(f"Order not found: not all of those ids are open orders of {wallet}")
        self.end_orders(records, CancelCode.USER)
        return [record.order_id for record in records]

    def cancel_all(self, body: bytes) -> list[str]:
        """Cancel all open orders of a wallet; returns their ids, which may be none."""
        wallet = self._intake.check_cancel_all(body)
        records = self.orders.open_of(wallet)
        self.end_orders(records, CancelCode.USER)
        return [record.order_id for record in records]

    def _refusal_of(self, checked: CheckedOrder) -> str | None:
        switches = self._switches.now
        if switches.duplicate_hash == "refuse" and self.orders.has_hash(checked.order_hash):
            return f"duplicate order: 0x{checked.order_hash} was placed before; change the salt"
        wallet, token, amount_wei = _payment_of(checked)
        holding = self.ledger.holding(wallet, token)
        lack = _lack_of(holding, holding.reserved_wei + amount_wei, switches)
        if lack is None:
            return self._self_trade_of(checked) if switches.self_trade == "refuse" else None
        has_wei = holding.balance_wei if lack is Lack.FUNDS else holding.allowance_wei
        return (
            f"{_LACK_TEXTS[lack]}: the order needs {amount_wei} of {token} beside {holding.reserved_wei} reserved, "
            f"{wallet} has {has_wei} (base units)"
        )

    def _self_trade_of(self, checked: CheckedOrder) -> str | None:
        """Say which order of the same wallet an order would match; None where it would match none."""
        left_wei, limit_e18 = checked.order.total_quantity_wei, checked.order.price_e18
        for resting in checked.listed.book.orders(checked.side.opposite):
            if left_wei <= 0 or not crosses(checked.side, limit_e18, resting.price_e18):
                return None
            if self.orders[resting.order_id].order.maker == checked.order.maker:
                return f"self-trade: the order would match {resting.order_id} of the same wallet"
            left_wei -= resting.quantity_wei
        return None


def _lack_of(holding: Holding, needed_wei: int, switches: Switches) -> Lack | None:
    """Say what is missing, as far as the switches want it checked."""
    if switches.check_balance == "on" and holding.balance_wei < needed_wei:
        return Lack.FUNDS
    if switches.check_allowance == "on" and holding.allowance_wei < needed_wei:
        return Lack.ALLOWANCE
    return None


def _payment_of(checked: CheckedOrder) -> tuple[str, str, int]:
    """Return (wallet, token, amount) that an order may cost its owner."""
    order = checked.order
    if checked.side is Side.SELL:
        return order.maker, order.base_token, order.total_quantity_wei
    return order.maker, order.quote_token, checked.listed.value_wei(order.price_e18, order.total_quantity_wei)
