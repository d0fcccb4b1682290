"""Client for Tegro, a self-custodial order-book exchange on EVM chains.

Names are loaded when they are first used, so that `import tegro` stays quick and `tegro.wire` can be used alone.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from tegro._version import __version__ as __version__

if TYPE_CHECKING:
    from tegro.allowance import AllowanceManager as AllowanceManager
    from tegro.candles import Candle as Candle
    from tegro.candles import CandleFeed as CandleFeed
    from tegro.candles import CandleStore as CandleStore
    from tegro.candles import Interval as Interval
    from tegro.client import AsyncTegro as AsyncTegro
    from tegro.errors import AllowanceMissing as AllowanceMissing
    from tegro.errors import BadReply as BadReply
    from tegro.errors import ChainFailure as ChainFailure
    from tegro.errors import Closed as Closed
    from tegro.errors import HistoryMissing as HistoryMissing
    from tegro.errors import InvalidInput as InvalidInput
    from tegro.errors import JournalFailure as JournalFailure
    from tegro.errors import LimitExceeded as LimitExceeded
    from tegro.errors import NotConnected as NotConnected
    from tegro.errors import RateLimited as RateLimited
    from tegro.errors import Refused as Refused
    from tegro.errors import SigningRefused as SigningRefused
    from tegro.errors import StoreFailure as StoreFailure
    from tegro.errors import TegroError as TegroError
    from tegro.events import BookChanged as BookChanged
    from tegro.events import BookUpdated as BookUpdated
    from tegro.events import Connected as Connected
    from tegro.events import Disconnected as Disconnected
    from tegro.events import Lagged as Lagged
    from tegro.events import OrderEvent as OrderEvent
    from tegro.events import Resync as Resync
    from tegro.events import Stale as Stale
    from tegro.events import TradeEvent as TradeEvent
    from tegro.events import UserTradeEvent as UserTradeEvent
    from tegro.journal import Journal as Journal
    from tegro.journal import JournalEntry as JournalEntry
    from tegro.journal import MemoryJournal as MemoryJournal
    from tegro.journal import SqliteJournal as SqliteJournal
    from tegro.keystore import load_keystore as load_keystore
    from tegro.keystore import write_keystore as write_keystore
    from tegro.live_book import LiveBooks as LiveBooks
    from tegro.maker_only import TakenInstead as TakenInstead
    from tegro.market_orders import MarketResult as MarketResult
    from tegro.market_plan import MarketPlan as MarketPlan
    from tegro.model import Balance as Balance
    from tegro.model import BookLevel as BookLevel
    from tegro.model import BookSnapshot as BookSnapshot
    from tegro.model import Chain as Chain
    from tegro.model import Fill as Fill
    from tegro.model import Market as Market
    from tegro.model import Order as Order
    from tegro.model import OrderRequest as OrderRequest
    from tegro.model import OrderStatus as OrderStatus
    from tegro.model import OrderType as OrderType
    from tegro.model import Side as Side
    from tegro.model import Ticker as Ticker
    from tegro.model import Token as Token
    from tegro.model import Trade as Trade
    from tegro.model import TradeState as TradeState
    from tegro.order_book import OrderBook as OrderBook
    from tegro.outcome import Absent as Absent
    from tegro.outcome import Accepted as Accepted
    from tegro.outcome import Cancelled as Cancelled
    from tegro.outcome import CancelOutcome as CancelOutcome
    from tegro.outcome import CancelRejected as CancelRejected
    from tegro.outcome import CancelUnknown as CancelUnknown
    from tegro.outcome import NotSent as NotSent
    from tegro.outcome import PlaceOutcome as PlaceOutcome
    from tegro.outcome import Rejected as Rejected
    from tegro.outcome import Resolution as Resolution
    from tegro.outcome import SeenOnChain as SeenOnChain
    from tegro.outcome import Unknown as Unknown
    from tegro.panic import PanicReport as PanicReport
    from tegro.pins import FilePins as FilePins
    from tegro.pins import FirstUse as FirstUse
    from tegro.pins import MemoryPins as MemoryPins
    from tegro.pins import PinBook as PinBook
    from tegro.pins import pin_book as pin_book
    from tegro.refill import AllowanceRefill as AllowanceRefill
    from tegro.refill import RefillPolicy as RefillPolicy
    from tegro.resolver import ResolverPolicy as ResolverPolicy
    from tegro.settings import Environment as Environment
    from tegro.settings import Settings as Settings
    from tegro.signer import LocalSigner as LocalSigner
    from tegro.signer import Signer as Signer
    from tegro.signer import signer_from as signer_from
    from tegro.stream import EventStream as EventStream
    from tegro.sync import Tegro as Tegro
    from tegro.watchdog import Heartbeat as Heartbeat
    from tegro.watchdog import Watchdog as Watchdog
    from tegro.web3signer import Web3Signer as Web3Signer

_MODULES: Final[Mapping[str, str]] = {
    "allowance": "AllowanceManager",
    "candles": "Candle CandleFeed CandleStore Interval",
    "client": "AsyncTegro",
    "errors": (
        "AllowanceMissing BadReply ChainFailure Closed HistoryMissing InvalidInput JournalFailure LimitExceeded "
        "NotConnected RateLimited Refused SigningRefused StoreFailure TegroError"
    ),
    "events": (
        "BookChanged BookUpdated Connected Disconnected Lagged OrderEvent Resync Stale TradeEvent UserTradeEvent"
    ),
    "journal": "Journal JournalEntry MemoryJournal SqliteJournal",
    "keystore": "load_keystore write_keystore",
    "live_book": "LiveBooks",
    "maker_only": "TakenInstead",
    "market_orders": "MarketResult",
    "market_plan": "MarketPlan",
    "model": (
        "Balance BookLevel BookSnapshot Chain Fill Market Order OrderRequest OrderStatus OrderType Side Ticker Token "
        "Trade TradeState"
    ),
    "order_book": "OrderBook",
    "outcome": (
        "Absent Accepted CancelOutcome CancelRejected CancelUnknown Cancelled NotSent PlaceOutcome Rejected Resolution "
        "SeenOnChain Unknown"
    ),
    "panic": "PanicReport",
    "pins": "FilePins FirstUse MemoryPins PinBook pin_book",
    "refill": "AllowanceRefill RefillPolicy",
    "resolver": "ResolverPolicy",
    "settings": "Environment Settings",
    "signer": "LocalSigner Signer signer_from",
    "stream": "EventStream",
    "sync": "Tegro",
    "watchdog": "Heartbeat Watchdog",
    "web3signer": "Web3Signer",
}
"""The public names of each module. `packages/tegro/tests/test_public_api.py` holds them against the imports above."""

_HOME: Final = {name: f"tegro.{module}" for module, names in _MODULES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604  names are made of the table above


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'tegro' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
