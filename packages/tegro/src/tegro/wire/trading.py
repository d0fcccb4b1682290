"""Orders, cancels and fills: the `v1/trading` service (protocol 4.7 to 4.13 and 8.5, 8.6)."""

from msgspec import UNSET, Raw, Struct, UnsetType, field

from tegro.wire.number import ZERO, NumberLiteral


class GenerateOrderBody(Struct, kw_only=True, omit_defaults=True):
    """`POST .../typedData/generate`: asks the venue to build an order to sign."""

    chain_id: int
    wallet_address: str
    market_symbol: str
    side: str
    price: NumberLiteral | UnsetType = UNSET
    """Quote per base, human units; left out for a market order."""
    amount: NumberLiteral


class RawOrderData(Struct, kw_only=True):
    """The signed message as the JSON text inside `raw_order_data`. Keys in the sorted order the venue writes."""

    base_token: str = field(name="baseToken")
    expiry_time: str = field(name="expiryTime", default="0")
    is_buy: bool = field(name="isBuy")
    maker: str
    price: str
    quote_token: str = field(name="quoteToken")
    salt: str
    total_quantity: str = field(name="totalQuantity")


class PlaceOrderBody(Struct, kw_only=True):
    """Body of `POST .../orders/place`, called `limit_order` where the venue proposes it.

    `base_asset` is the token the maker pays and `quote_asset` the token the maker gets, whatever the market calls
    them.
    """

    chain_id: int
    base_asset: str
    quote_asset: str
    side: int | str
    """1 is buy, 0 is sell; the words `buy` and `sell` occur too."""
    volume_precision: str
    """Base amount in base units of the base token."""
    price_precision: str
    """Price scaled by 10^18 (protocol 5.3)."""
    order_hash: str
    raw_order_data: str
    signature: str | None
    signed_order_type: str = "tegro"
    market_id: str
    market_symbol: str


class TypedField(Struct):
    """One member of an EIP-712 struct type."""

    name: str
    type: str


class SignData(Struct, kw_only=True):
    """EIP-712 typed data as a wallet takes it. `message` and `domain` stay undecoded: the type decides their form."""

    types: dict[str, list[TypedField]]
    primary_type: str = field(name="primaryType")
    domain: Raw
    message: Raw


class OrderToSign(Struct, kw_only=True):
    """Reply of `.../typedData/generate`."""

    limit_order: PlaceOrderBody
    sign_data: SignData


class GenerateCancelBody(Struct, kw_only=True):
    """`POST .../typedData/generateCancelOrder`: asks the venue to build a cancel to sign."""

    order_ids: list[str]
    user_address: str


class CancelToSign(Struct, kw_only=True):
    """Reply of `.../typedData/generateCancelOrder`."""

    sign_data: SignData
    cancel_order: GenerateCancelBody


class CancelBody(Struct, kw_only=True, omit_defaults=True):
    """Body of `POST .../orders/cancel`. One client spells the signature with a capital; both are accepted."""

    user_address: str
    order_ids: list[str]
    signature: str | UnsetType = UNSET
    signature_capital: str | UnsetType = field(default=UNSET, name="Signature")


class CancelReply(Struct, kw_only=True):
    """Reply of `.../orders/cancel`: the ids that were cancelled."""

    cancelled_order_ids: list[str] | None = None


class CancelAllBody(Struct, kw_only=True):
    """Body of `POST .../orders/cancel-all`. The signature is a personal-sign of the lower-case wallet address."""

    chain_id: int
    wallet_address: str
    signature: str


class CancelReason(Struct):
    """Why an order ended. Code 0: not cancelled; 611 user, 711 funds, 712 allowance, 811 dust (protocol 5.6)."""

    reason: str = ""
    code: int = 0


class OrderInfo(Struct, kw_only=True):
    """One order, in `GET .../orders/user/{wallet}`, in the reply of `place` and in the order events.

    Amounts are human units. `order_hash` comes without `0x`. A fresh `place` reply of older servers lacks some members.
    """

    order_id: str
    order_hash: str = ""
    market_id: str = ""
    side: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    contract_address: str = ""
    quantity: NumberLiteral = ZERO
    quantity_filled: NumberLiteral = ZERO
    quantity_pending: NumberLiteral = ZERO
    price: NumberLiteral = ZERO
    avg_price: NumberLiteral = ZERO
    price_precision: NumberLiteral = ZERO
    volume_precision: NumberLiteral = ZERO
    total: NumberLiteral = ZERO
    fee: NumberLiteral = ZERO
    status: str
    cancel: CancelReason = field(default_factory=CancelReason)
    timestamp: int = 0
    """Seconds or milliseconds; the unit is not settled (protocol 3.5)."""


class TradeInfo(Struct, kw_only=True, omit_defaults=True):
    """One fill, in `GET .../orders/trades/{order_id}`, in public trades and in the trade events.

    The REST form writes `market_id` and `tx_hash`; the event form writes `marketId` and `txHash` (protocol 8.5).
    `settled_price` exists on localnet alone, when it is told to report the resting price: then it is the price that
    the contract pays.
    """

    id: str
    symbol: str = ""
    market_id: str | UnsetType = UNSET
    market_id_camel: str | UnsetType = field(default=UNSET, name="marketId")
    price: NumberLiteral
    amount: NumberLiteral
    state: str
    settled_price: NumberLiteral | UnsetType = UNSET
    tx_hash: str | UnsetType = UNSET
    tx_hash_camel: str | UnsetType = field(default=UNSET, name="txHash")
    timestamp: int
    fee: NumberLiteral | UnsetType = UNSET
    taker_fee: NumberLiteral | UnsetType = UNSET
    maker_fee: NumberLiteral | UnsetType = UNSET
    is_buyer_maker: bool | UnsetType = UNSET
    taker_type: str | UnsetType = UNSET
    """Before July 2024 instead of `is_buyer_maker`: the side of the taker."""
    taker: str = ""
    maker: str = ""
    order_id: str | UnsetType = UNSET


class ErrorBody(Struct, kw_only=True):
    """A refusal. Its form is inferred from what the web page reads (protocol 3.7)."""

    error: str = ""
    message: str = ""
