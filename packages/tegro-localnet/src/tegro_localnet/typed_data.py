"""The typed data that the venue proposes to those who let it build their messages (protocol 4.7 and 4.9)."""

from typing import Final

from eth_utils.address import to_checksum_address
from msgspec import Raw

from tegro.wire import (
    CancelToSign,
    GenerateCancelBody,
    OrderToSign,
    PlaceOrderBody,
    SignData,
    TypedField,
    encode,
)
from tegro_localnet.markets import ListedMarket
from tegro_localnet.signed_order import Domain, SignedOrder

_DOMAIN_FIELDS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_CANCEL_FIELDS: Final = (("orderIds", "string[]"), ("user", "address"))


def place_body(order: SignedOrder, listed: ListedMarket, domain: Domain) -> PlaceOrderBody:
    """Return the body of a place request for an order; its signature is null where the order has none."""
    market = listed.market
    paid, received = market.base.address, market.quote.address
    if order.is_buy:
        paid, received = received, paid
    return PlaceOrderBody(
        chain_id=domain.chain_id,
        base_asset=paid,
        quote_asset=received,
        side=1 if order.is_buy else 0,
        volume_precision=str(order.total_quantity_wei),
        price_precision=str(order.signed_price),
        order_hash="0x" + order.order_hash(domain).hex(),
        raw_order_data=encode(_message_of(order)).decode(),
        signature="0x" + order.signature.hex() if order.signature else None,
        market_id=market.id,
        market_symbol=market.symbol,
    )


def order_to_sign(order: SignedOrder, listed: ListedMarket, domain: Domain) -> OrderToSign:
    """Return what a wallet needs to sign and then place an order."""
    return OrderToSign(
        limit_order=place_body(order, listed, domain),
        sign_data=_sign_data("Order", order.form.members, domain, encode(_message_of(order))),
    )


def cancel_to_sign(order_ids: list[str], wallet: str, domain: Domain) -> CancelToSign:
    """Return what a wallet needs to sign and then cancel orders."""
    return CancelToSign(
        sign_data=_sign_data("CancelOrder", _CANCEL_FIELDS, domain, encode({"orderIds": order_ids, "user": wallet})),
        cancel_order=GenerateCancelBody(order_ids=order_ids, user_address=wallet),
    )


def _message_of(order: SignedOrder) -> dict[str, str | bool]:
    """Return the message by member, in the sorted order in which the venue writes it (protocol 4.7)."""
    members: dict[str, str | bool] = {
        "baseToken": order.base_token,
        "expiryTime": str(order.expiry_time),
        "isBuy": order.is_buy,
        "maker": to_checksum_address(order.maker),
        "price": str(order.signed_price),
        "quoteToken": order.quote_token,
        "salt": str(order.salt),
        "totalQuantity": str(order.total_quantity_wei),
    }
    if not order.form.has_expiry:
        del members["expiryTime"]
    return members


def _sign_data(name: str, fields: tuple[tuple[str, str], ...], domain: Domain, message: bytes) -> SignData:
    shown_domain = {
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.verifying_contract,
    }
    return SignData(
        types={
            "EIP712Domain": [TypedField(*field) for field in _DOMAIN_FIELDS],
            name: [TypedField(*field) for field in fields],
        },
        primary_type=name,
        domain=Raw(encode(shown_domain)),
        message=Raw(message),
    )
