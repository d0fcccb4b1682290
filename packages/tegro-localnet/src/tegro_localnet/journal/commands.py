"""What can happen to a venue's orders and trades, as values: the contents of its journal.

A command is something that was asked for or learned from outside. Its effects are what the engine made of it; they are
written beside it so that running a journal again can be compared.
"""

from msgspec import Struct

from tegro_localnet.signed_order import SignedOrder


class Placed(Struct, frozen=True, kw_only=True, tag=True):
    """An order was accepted."""

    market_id: str
    order_hash: str
    """64 hex digits without 0x."""
    order: SignedOrder


class Cancelled(Struct, frozen=True, kw_only=True, tag=True):
    """Open orders were ended from outside. `reason` None is the one of the code."""

    order_ids: tuple[str, ...]
    code: int
    reason: str | None = None


class Expired(Struct, frozen=True, tag=True):
    """The time of some orders came."""


class HoldingRead(Struct, frozen=True, kw_only=True, tag=True):
    """The chain said what a wallet has of a token and what the exchange may take of it."""

    wallet: str
    token: str
    balance_wei: int
    allowance_wei: int


class ChainFollowed(Struct, frozen=True, kw_only=True, tag=True):
    """The logs of all blocks before this one were taken over."""

    next_block: int


class BatchSent(Struct, frozen=True, kw_only=True, tag=True):
    """Matches are about to be sent to the chain in one transaction, which no block up to this one holds."""

    trade_ids: tuple[str, ...]
    after_block: int


class BatchUnsent(Struct, frozen=True, tag=True):
    """The transaction of the last batch is in no block and never will be: its matches wait again."""


class TradeSettled(Struct, frozen=True, kw_only=True, tag=True):
    """The chain settled a match."""

    trade_id: str
    tx_hash: str


class TradeFailed(Struct, frozen=True, kw_only=True, tag=True):
    """The chain refused a match, in the contract's own words."""

    trade_id: str
    tx_hash: str
    reason: str


class TradesUnsettled(Struct, frozen=True, kw_only=True, tag=True):
    """The chain took back the blocks in which matches had been settled; oldest first."""

    trade_ids: tuple[str, ...]


class PrecisionsChanged(Struct, frozen=True, kw_only=True, tag=True):
    """A market's lot size (base) and tick size (quote) became others; these are the decimals allowed."""

    market_id: str
    base_precision: int
    quote_precision: int


class CancelledOnChain(Struct, frozen=True, kw_only=True, tag=True):
    """The owner of an order cancelled it at the contract."""

    order_hash: str


class SettledElsewhere(Struct, frozen=True, kw_only=True, tag=True):
    """Somebody else had a pair of orders settled. Hashes have 64 hex digits without 0x."""

    buy_hash: str
    sell_hash: str
    quantity_wei: int
    price_e18: int
    tx_hash: str


class FeeChanged(Struct, frozen=True, kw_only=True, tag=True):
    """The contract takes another fee from now on, in basis points."""

    fee_bps: int


type Command = (
    Placed
    | Cancelled
    | Expired
    | HoldingRead
    | ChainFollowed
    | BatchSent
    | BatchUnsent
    | TradeSettled
    | TradeFailed
    | TradesUnsettled
    | PrecisionsChanged
    | CancelledOnChain
    | SettledElsewhere
    | FeeChanged
)


class OrderAdded(Struct, frozen=True, kw_only=True, tag=True):
    """An order got its id."""

    order_id: str


class Matched(Struct, frozen=True, kw_only=True, tag=True):
    """Two orders were matched."""

    trade_id: str
    maker_order_id: str
    taker_order_id: str
    quantity_wei: int
    price_e18: int


class OrderEnded(Struct, frozen=True, kw_only=True, tag=True):
    """An order was cancelled."""

    order_id: str
    code: int


type Effect = OrderAdded | Matched | OrderEnded


class Entry(Struct, frozen=True, kw_only=True):
    """One step of a venue: when it was, what was asked for, and what came of it."""

    at_ms: int
    command: Command
    effects: tuple[Effect, ...] = ()
