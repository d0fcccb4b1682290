# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TegroDEXSettlement of March 2024
@license Apache-2.0
@notice The batch settler for orders of seven members (protocol 6.7). See `settler`.
"""

struct Order:
    baseToken: address
    quoteToken: address
    price: uint256
    totalQuantity: uint256
    isBuy: bool
    salt: uint256
    maker: address

interface IExchange:
    def hashOrder(order: Order) -> bytes32: view
    def settleOrders(
        buyOrder: Order, buySignature: Bytes[65], sellOrder: Order, sellSignature: Bytes[65], matchedAmount: uint256
    ): nonpayable

event TradeFailed:
    buyOrderHash: indexed(bytes32)
    sellOrderHash: indexed(bytes32)
    matchingAmount: uint256

MAX_PAIRS: constant(uint256) = 64

tradingContract: public(immutable(address))


@deploy
def __init__(_tradingContract: address):
    tradingContract = _tradingContract


@external
def settleBatchOrders(
    buyOrders: DynArray[Order, MAX_PAIRS],
    buySignatures: DynArray[Bytes[65], MAX_PAIRS],
    sellOrders: DynArray[Order, MAX_PAIRS],
    sellSignatures: DynArray[Bytes[65], MAX_PAIRS],
    matchingAmounts: DynArray[uint256, MAX_PAIRS],
):
    pairs: uint256 = len(buyOrders)
    assert (
        len(buySignatures) == pairs
        and len(sellOrders) == pairs
        and len(sellSignatures) == pairs
        and len(matchingAmounts) == pairs
    ), "Invalid array lengths"

    for i: uint256 in range(pairs, bound=MAX_PAIRS):
        settled: bool = raw_call(
            tradingContract,
            abi_encode(
                buyOrders[i],
                buySignatures[i],
                sellOrders[i],
                sellSignatures[i],
                matchingAmounts[i],
                method_id=method_id(
                    "settleOrders((address,address,uint256,uint256,bool,uint256,address),bytes,(address,address,uint256,uint256,bool,uint256,address),bytes,uint256)"
                ),
            ),
            revert_on_failure=False,
        )
        if not settled:
            log TradeFailed(
                buyOrderHash=staticcall IExchange(tradingContract).hashOrder(buyOrders[i]),
                sellOrderHash=staticcall IExchange(tradingContract).hashOrder(sellOrders[i]),
                matchingAmount=matchingAmounts[i],
            )
