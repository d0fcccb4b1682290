# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Test token whose approve answers nothing
@license Apache-2.0
@notice As tokens older than the standard's final form: success is the absence of a failure.
"""

import token

initializes: token

exports: (
    token.name,
    token.symbol,
    token.decimals,
    token.owner,
    token.totalSupply,
    token.balanceOf,
    token.allowance,
    token.transfer,
    token.transferFrom,
    token.mint,
)


@deploy
def __init__(name: String[64], symbol: String[16], decimals: uint8):
    token.__init__(name, symbol, decimals)


@external
def approve(spender: address, amount: uint256):
    token._approve(msg.sender, spender, amount)
