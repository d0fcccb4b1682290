"""Typed data that the venue proposes to sign (protocol 4.7 and 4.9): never signed, only compared.

The message is built here again from what the trader meant. The venue's proposal gives the salt and nothing else; any
other difference, in the message or around it, is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import msgspec

from tegro import wire
from tegro.eip712 import CancelMessage, Domain, OrderMessage, order_message
from tegro.errors import SigningRefused
from tegro.model import OrderRequest, Side

_SIDES: Final = {1: Side.BUY, 0: Side.SELL, "buy": Side.BUY, "sell": Side.SELL}
_EXCERPT: Final = 80


def check_offered_order(reply: wire.OrderToSign, request: OrderRequest, *, maker: str, domain: Domain) -> OrderMessage:
    """Return the order to sign: what was meant, with the salt that the venue chose.

    Parameters
    ----------
    reply
        What the venue proposes.
    request
        What the trader means.
    maker
        The wallet that signs.
    domain
        The domain of the pinned contract.

    Raises
    ------
    SigningRefused
        If the proposal differs from that in anything but the salt: a member of the message, its schema, its domain,
        its hash, or a field of the body to place. The sentence names the field, what was offered and what was meant.
    InvalidInput
        If price or quantity of the request is off its step or out of range.
    """
    meant = check_offered_form(reply, request, maker=maker, domain=domain)
    raw_order_data = _members(reply.limit_order.raw_order_data, "raw_order_data")
    _require_same_members("raw_order_data", raw_order_data, _message_of(meant), meant.schema.fields)
    _require_same_body(reply.limit_order, place_body(request, meant, None))
    return meant


def check_offered_form(reply: wire.OrderToSign, request: OrderRequest, *, maker: str, domain: Domain) -> OrderMessage:
    """Compare what a wallet would sign, and not the body around it. Otherwise as `check_offered_order`."""
    offered = _members(reply.sign_data.message, "message")
    meant = order_message(request, maker=maker, domain=domain, salt=_salt(offered))
    _require_same_frame(reply.sign_data, meant.typed_data())
    _require_same_members("message", offered, _message_of(meant), meant.schema.fields)
    return meant


def check_offered_cancel(
    reply: wire.CancelToSign, order_ids: Sequence[str], *, user: str, domain: Domain
) -> CancelMessage:
    """Return the cancel to sign: exactly these ids, in this order, for this wallet.

    Raises
    ------
    SigningRefused
        If the proposal differs from that in anything, as an order in the place of a cancel does.
    InvalidInput
        If no id is given.
    """
    meant = CancelMessage(order_ids=tuple(order_ids), user=user, domain=domain)
    typed = meant.typed_data()
    _require_same_frame(reply.sign_data, typed)
    offered = _members(reply.sign_data.message, "message")
    fields = (("orderIds", "string[]"), ("user", "address"))
    _require_same_members("message", offered, _object(typed["message"]), fields)
    _require_same("cancel_order.order_ids", reply.cancel_order.order_ids, list(order_ids))
    _require_same("cancel_order.user_address", reply.cancel_order.user_address.lower(), user.lower())
    return meant


def proposal_body(request: OrderRequest, maker: str) -> wire.GenerateOrderBody:
    """Return the question for an order to sign (protocol 4.7)."""
    return wire.GenerateOrderBody(
        chain_id=request.market.chain_id,
        wallet_address=maker,
        market_symbol=request.market.symbol,
        side=request.side.value,
        price=wire.quoted(request.price),
        amount=wire.quoted(request.quantity),
    )


def place_body(request: OrderRequest, message: OrderMessage, signature: str | None) -> wire.PlaceOrderBody:
    """Return the body that places an order; a signature of None is what the venue proposes (protocol 4.7)."""
    market, is_buy = request.market, request.side is Side.BUY
    paid, received = (market.quote, market.base) if is_buy else (market.base, market.quote)
    return wire.PlaceOrderBody(
        chain_id=market.chain_id,
        base_asset=paid.address,
        quote_asset=received.address,
        side=1 if is_buy else 0,
        volume_precision=str(message.total_quantity_wei),
        price_precision=str(message.price_e18),
        order_hash=message.order_hash,
        raw_order_data=message.raw_order_data(),
        signature=signature,
        market_id=market.id,
        market_symbol=market.symbol,
    )


def _salt(offered: Mapping[str, object]) -> int:
    salt = _plain(offered.get("salt"), "uint256")
    if not isinstance(salt, int) or isinstance(salt, bool) or not 0 <= salt < 1 << 256:
        raise SigningRefused(f"the venue offers the salt {_shown(salt)}, which is no uint256; nothing was signed")
    return salt


def _require_same_frame(offered: wire.SignData, meant: Mapping[str, object]) -> None:
    """Compare everything around the message: which struct it is, how it is hashed, and for whom."""
    _require_same("primaryType", offered.primary_type, meant["primaryType"])
    types = _object(meant["types"])
    _require_same_names("types", offered.types, types)
    for name, fields in offered.types.items():
        members = [{"name": each.name, "type": each.type} for each in fields]
        # One by one: of two whole lists a sentence would show the beginnings, and the end is what was added in 2024.
        for place, pair in enumerate(zip_longest(members, msgspec.convert(types[name], list[dict[str, str]]))):
            _require_same(f"types.{name}[{place}]", *pair)
    domain_fields = tuple((each.name, each.type) for each in offered.types["EIP712Domain"])
    _require_same_members("domain", _members(offered.domain, "domain"), _object(meant["domain"]), domain_fields)


def _require_same_members(
    where: str, offered: Mapping[str, object], meant: Mapping[str, object], fields: Iterable[tuple[str, str]]
) -> None:
    _require_same_names(where, offered, meant)
    for name, type_ in fields:
        _require_same(f"{where}.{name}", _plain(offered[name], type_), _plain(meant[name], type_))


def _require_same_body(offered: wire.PlaceOrderBody, meant: wire.PlaceOrderBody) -> None:
    """Compare the fields beside the signed message; `raw_order_data` was compared as JSON."""
    _require_same("limit_order.side", _SIDES.get(offered.side, offered.side), _SIDES[meant.side])
    _require_same("limit_order.order_hash", _digits(offered.order_hash), _digits(meant.order_hash))
    for name in ("base_asset", "quote_asset", "market_id"):
        _require_same(f"limit_order.{name}", getattr(offered, name).lower(), getattr(meant, name).lower())
    for name in ("chain_id", "volume_precision", "price_precision", "signed_order_type", "market_symbol"):
        _require_same(f"limit_order.{name}", getattr(offered, name), getattr(meant, name))


def _require_same_names(where: str, offered: Iterable[str], meant: Iterable[str]) -> None:
    _require_same(f"{where} with the members", sorted(offered), sorted(meant))


def _require_same(what: str, offered: object, meant: object) -> None:
    # True equals 1 in Python, and is something else on the wire.
    if type(offered) is not type(meant) or offered != meant:
        raise SigningRefused(
            f"the venue offers {what} {_shown(offered)} to sign, but {_shown(meant)} was meant; nothing was signed"
        )


def _members(text: str | msgspec.Raw, where: str) -> Mapping[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise SigningRefused(f"the venue offers a {where} that is no JSON object; nothing was signed") from None


def _message_of(order: OrderMessage) -> Mapping[str, object]:
    return _object(order.typed_data()["message"])


def _object(value: object) -> Mapping[str, object]:
    """Return a member of our own typed data that is an object, which its type does not say."""
    return msgspec.convert(value, dict[str, object])


def _plain(value: object, type_: str) -> object:
    """Return a value in the one form in which it can be compared; as it is where it does not fit the type."""
    if type_ == "address" and isinstance(value, str):
        return value.lower()
    if type_ == "uint256" and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 79:
        return int(value)
    return value


def _digits(order_hash: str) -> str:
    return order_hash.lower().removeprefix("0x")


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, int | Side) else repr(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
