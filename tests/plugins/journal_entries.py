"""Orders as a journal holds them, for its tests."""

from decimal import Decimal

import msgspec

from tegro.journal import JournalEntry
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Absent, Accepted, Rejected, SeenOnChain, Unknown

HASH = "0x0efbee7259793bc991b0aa5746c590af742f4291bec74349f4b6af33e3dbacd4"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CHANGED_AT_MS = 1_720_458_260_000


def entry(order_hash=HASH, **changes):
    fields = {
        "order_hash": order_hash,
        "maker": WALLET,
        "chain_id": 80002,
        "market_id": "80002_base_quote",
        "client_order_id": "HBOT-1",
        "raw_order_data": '{"salt":"277564373322"}',
        "signature": "0x88c9",
        "side": Side.SELL,
        "price": Decimal("3490.10"),
        "quantity": Decimal("3.9999"),
        "signed_at_ms": 1_720_458_258_123,
    }
    return JournalEntry(**{**fields, **changes})


def accepted(order_hash=HASH, order_id="05881667-3bd3-4fc0-8b0e-db71c8a8fc99"):
    order = Order(
        order_id=order_id,
        order_hash=order_hash,
        market_id="80002_base_quote",
        side=Side.SELL,
        price=Decimal("3490.10"),
        quantity=Decimal("3.9999"),
        filled=Decimal(0),
        pending=Decimal(0),
        average_price=Decimal(0),
        status=OrderStatus.OPEN,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=0,
    )
    return Accepted(order_hash=order_hash, order_id=order_id, order=order)


REJECTED = Rejected(order_hash=HASH, reason="insufficient allowance")
UNKNOWN = Unknown(order_hash=HASH, cause="timeout after 10 s")
ABSENT = Absent(order_hash=HASH, reason="no list of the venue has it")
SEEN_ON_CHAIN = SeenOnChain(order_hash=HASH, remaining_wei=7)
ENDING = "ending"
"""Stands for `record_ended` among outcomes."""
EVENTS = {
    "unknown": UNKNOWN,
    "absent": ABSENT,
    "seen": SEEN_ON_CHAIN,
    "accepted": accepted(),
    "rejected": REJECTED,
    "ended": ENDING,
}


def apply(journal, event, order_hash=HASH):
    if event is ENDING:
        journal.record_ended(order_hash)
    else:
        journal.record_outcome(order_hash, msgspec.structs.replace(event, order_hash=order_hash))


def clock():
    return CHANGED_AT_MS
