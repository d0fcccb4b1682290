# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What every form of TegroDEX has in common
@license Apache-2.0
@notice Settles pairs of signed orders. Written for tegro-localnet after the interface and the behaviour that
        docs/protocol.md states in 7.3. The venue has signed orders in several forms (5.3, 6.2, 6.7): with and without an
        expiry, priced by 10^18 or in the smallest unit of the quote token. The contracts that import this module say
        what is hashed; all else is here.
@dev The published contract sits behind a proxy and is set up by `initialize(owner, feeAmount)`. This one takes the
     same two arguments in its constructor, and whether prices are in the smallest unit of the quote token.
     The published sources show no event for a cancel on chain. A venue could not see one without it, so here is one.
"""

from ethereum.ercs import IERC20

interface IDecimals:
    def decimals() -> uint8: view

struct Order:
    baseToken: address
    quoteToken: address
    price: uint256
    totalQuantity: uint256
    isBuy: bool
    salt: uint256
    maker: address
    expiryTime: uint256

event TradeSettled:
    baseToken: address
    quoteToken: address
    price: uint256
    totalQuantity: uint256
    totalPrice: uint256
    buyOrderHash: indexed(bytes32)
    sellOrderHash: indexed(bytes32)

event OrderCancelled:
    orderHash: indexed(bytes32)

DOMAIN_TYPE_HASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
# A signature with an s in the upper half of the curve order is a copy that anyone can make of the maker's own.
HALF_CURVE_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168
FINISHED: constant(uint256) = 1
PRICE_DECIMALS: constant(uint256) = 18
BASIS_POINTS: constant(uint256) = 10_000

MAX_FEE_AMOUNT: public(constant(uint16)) = 100
DOMAIN_SEPARATOR: immutable(bytes32)
PRICES_IN_QUOTE_UNITS: immutable(bool)

owner: public(address)
feeAmount: public(uint16)
feeRecipient: public(address)
# 0: never seen, 1: finished, otherwise what remains of the order plus 1.
remaining: public(HashMap[bytes32, uint256])
# What a token said of its decimals plus 1; 0: never asked. A token keeps its decimals, and each question is a call.
known_decimals: HashMap[address, uint256]


@deploy
def __init__(owner: address, feeAmount: uint16, pricesInQuoteUnits: bool):
    assert feeAmount <= MAX_FEE_AMOUNT, "Fee amount is too high"
    self.owner = owner
    self.feeAmount = feeAmount
    self.feeRecipient = owner
    PRICES_IN_QUOTE_UNITS = pricesInQuoteUnits
    DOMAIN_SEPARATOR = keccak256(
        abi_encode(DOMAIN_TYPE_HASH, keccak256("TegroDEX"), keccak256("1"), chain.id, self)
    )


@external
def setFeeRecipient(feeRecipient: address):
    assert msg.sender == self.owner, "Ownable: caller is not the owner"
    self.feeRecipient = feeRecipient


@external
def setFeeAmount(feeAmount: uint16):
    assert msg.sender == self.owner, "Ownable: caller is not the owner"
    assert feeAmount <= MAX_FEE_AMOUNT, "Fee amount is too high"
    self.feeAmount = feeAmount


@internal
@view
def _digest(struct_hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", DOMAIN_SEPARATOR, struct_hash))


@internal
def _settle(
    buyOrder: Order,
    buy_hash: bytes32,
    buySignature: Bytes[65],
    sellOrder: Order,
    sell_hash: bytes32,
    sellSignature: Bytes[65],
    matchedAmount: uint256,
):
    assert buyOrder.isBuy and not sellOrder.isBuy, "Both orders cannot be of the same type (buy/sell)"
    assert (
        buyOrder.baseToken == sellOrder.baseToken and buyOrder.quoteToken == sellOrder.quoteToken
    ), "Base/Quote tokens do not match"
    assert buyOrder.price >= sellOrder.price, "Buy order price must be higher or equal to the sell order price"
    assert (
        self._is_signed_by(buyOrder.maker, buy_hash, buySignature)
        and self._is_signed_by(sellOrder.maker, sell_hash, sellSignature)
    ), "Invalid order signatures"
    assert not self._is_expired(buyOrder) and not self._is_expired(sellOrder), "Order expired"

    self._consume(buy_hash, buyOrder.totalQuantity, matchedAmount)
    self._consume(sell_hash, sellOrder.totalQuantity, matchedAmount)
    self._exchange(buyOrder, sellOrder, matchedAmount, buy_hash, sell_hash)


@internal
def _cancel(maker: address, order_hash: bytes32, signature: Bytes[65]):
    assert self.remaining[order_hash] != FINISHED, "Order already filled or does not exist"
    message_hash: bytes32 = keccak256(concat(b"cancel ", order_hash))
    personal_hash: bytes32 = keccak256(concat(b"\x19Ethereum Signed Message:\n32", message_hash))
    assert self._is_signed_by(maker, personal_hash, signature), "Invalid signature or not the maker"
    self.remaining[order_hash] = FINISHED
    log OrderCancelled(orderHash=order_hash)


@internal
@pure
def _is_signed_by(maker: address, digest: bytes32, signature: Bytes[65]) -> bool:
    if len(signature) != 65:
        return False
    r: uint256 = extract32(signature, 0, output_type=uint256)
    s: uint256 = extract32(signature, 32, output_type=uint256)
    if s > HALF_CURVE_ORDER:
        return False
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    signer: address = ecrecover(digest, v, r, s)
    return signer != empty(address) and signer == maker


@internal
@view
def _is_expired(order: Order) -> bool:
    return order.expiryTime != 0 and order.expiryTime < block.timestamp


@internal
def _consume(order_hash: bytes32, total_quantity: uint256, matched_amount: uint256):
    stored: uint256 = self.remaining[order_hash]
    if stored == 0:
        stored = total_quantity + 1
    assert matched_amount < stored, "Matched amount is greater than the remaining amount"
    self.remaining[order_hash] = stored - matched_amount


@internal
def _exchange(buy: Order, sell: Order, matched_amount: uint256, buy_hash: bytes32, sell_hash: bytes32):
    # The lower of the two limits is always the sell order's, because the buy price was found not to be lower.
    base_decimals: uint256 = self._decimals_of(sell.baseToken)
    quote_decimals: uint256 = self._decimals_of(sell.quoteToken)
    price_decimals: uint256 = quote_decimals if PRICES_IN_QUOTE_UNITS else PRICE_DECIMALS
    total_price: uint256 = sell.price * matched_amount // 10 ** (price_decimals + base_decimals - quote_decimals)
    assert total_price > 0, "Total price needs to be greater than 0"

    fee_bps: uint256 = convert(self.feeAmount, uint256)
    fee_recipient: address = self.feeRecipient
    self._pay(sell.baseToken, sell.maker, buy.maker, matched_amount, fee_bps, fee_recipient)
    self._pay(sell.quoteToken, buy.maker, sell.maker, total_price, fee_bps, fee_recipient)
    log TradeSettled(
        baseToken=sell.baseToken,
        quoteToken=sell.quoteToken,
        price=sell.price,
        totalQuantity=matched_amount,
        totalPrice=total_price,
        buyOrderHash=buy_hash,
        sellOrderHash=sell_hash,
    )


@internal
def _decimals_of(token: address) -> uint256:
    known: uint256 = self.known_decimals[token]
    if known == 0:
        known = convert(staticcall IDecimals(token).decimals(), uint256) + 1
        self.known_decimals[token] = known
    return known - 1


@internal
def _pay(
    token: address, payer: address, receiver: address, amount: uint256, fee_bps: uint256, fee_recipient: address
):
    fee: uint256 = amount * fee_bps // BASIS_POINTS
    # Tokens that answer nothing at all count as content, as with SafeERC20.
    assert extcall IERC20(token).transferFrom(payer, receiver, amount - fee, default_return_value=True)
    if fee > 0:
        assert extcall IERC20(token).transferFrom(payer, fee_recipient, fee, default_return_value=True)
