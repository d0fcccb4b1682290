"""Frames of the one WebSocket endpoint (protocol 8)."""

from msgspec import Raw, Struct, field


class Subscription(Struct, kw_only=True):
    """What a client sends: `subscribe` or `unsubscribe`.

    A channel is a wallet address (its orders and trades) or `{chain_id}/{base token address}` (public data; two markets
    that share a base token share the channel).
    """

    action: str
    channel_id: str = field(name="channelId")


class Envelope(Struct, kw_only=True):
    """What the venue sends: the name of the event and its data, not yet decoded.

    Data is `BookDiff` for `order_book_diff`, `TradeInfo` for `trade_created`, `trade_updated`, `user_trade_created` and
    `user_trade_updated`, `OrderInfo` for `order_placed`, `order_submitted` and `order_trade_processed`.
    """

    action: str
    data: Raw = Raw(b"null")
