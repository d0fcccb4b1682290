# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TegroDEX
@license Apache-2.0
@notice Settles orders of eight members, the newest form (protocol 6.2). See `exchange_core`.
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

ORDER_TYPE_HASH: constant(bytes32) = keccak256(
    "Order(address baseToken,address quoteToken,uint256 price,uint256 totalQuantity,bool isBuy,uint256 salt,address maker,uint256 expiryTime)"
)


@deploy
def __init__(owner: address, feeAmount: uint16, pricesInQuoteUnits: bool):
    core.__init__(owner, feeAmount, pricesInQuoteUnits)


@external
@view
def hashOrder(order: core.Order) -> bytes32:
    return self._hash_order(order)


@external
@nonreentrant
def settleOrders(
    buyOrder: core.Order, buySignature: Bytes[65], sellOrder: core.Order, sellSignature: Bytes[65], matchedAmount: uint256
):
    core._settle(
        buyOrder,
        self._hash_order(buyOrder),
        buySignature,
        sellOrder,
        self._hash_order(sellOrder),
        sellSignature,
        matchedAmount,
    )


@external
def cancelOrder(order: core.Order, signature: Bytes[65]):
    core._cancel(order.maker, self._hash_order(order), signature)


@internal
@view
def _hash_order(order: core.Order) -> bytes32:
    return core._digest(keccak256(abi_encode(ORDER_TYPE_HASH, order)))
