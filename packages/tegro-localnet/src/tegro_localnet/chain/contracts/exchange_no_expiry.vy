# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TegroDEX of March 2024
@license Apache-2.0
@notice Settles orders of seven members, as before April 2024 (protocol 6.7 and 7.3). See `exchange_core`.
"""

import exchange_core as core

initializes: core

exports: (
    core.MAX_FEE_AMOUNT,
    core.owner,
    core.feeAmount,
    core.feeRecipient,
    core.remaining,
    core.setFeeRecipient,
    core.setFeeAmount,
)

struct Order:
    baseToken: address
    quoteToken: address
    price: uint256
    totalQuantity: uint256
    isBuy: bool
    salt: uint256
    maker: address

ORDER_TYPE_HASH: constant(bytes32) = keccak256(
    "Order(address baseToken,address quoteToken,uint256 price,uint256 totalQuantity,bool isBuy,uint256 salt,address maker)"
)


@deploy
def __init__(owner: address, feeAmount: uint16, pricesInQuoteUnits: bool):
    core.__init__(owner, feeAmount, pricesInQuoteUnits)


@external
@view
def hashOrder(order: Order) -> bytes32:
    return self._hash_order(order)


@external
@nonreentrant
def settleOrders(
    buyOrder: Order, buySignature: Bytes[65], sellOrder: Order, sellSignature: Bytes[65], matchedAmount: uint256
):
    core._settle(
        self._widen(buyOrder),
        self._hash_order(buyOrder),
        buySignature,
        self._widen(sellOrder),
        self._hash_order(sellOrder),
        sellSignature,
        matchedAmount,
    )


@external
def cancelOrder(order: Order, signature: Bytes[65]):
    core._cancel(order.maker, self._hash_order(order), signature)


@internal
@view
def _hash_order(order: Order) -> bytes32:
    return core._digest(keccak256(abi_encode(ORDER_TYPE_HASH, order)))


@internal
@pure
def _widen(order: Order) -> core.Order:
    return core.Order(
        baseToken=order.baseToken,
        quoteToken=order.quoteToken,
        price=order.price,
        totalQuantity=order.totalQuantity,
        isBuy=order.isBuy,
        salt=order.salt,
        maker=order.maker,
        expiryTime=0,
    )
