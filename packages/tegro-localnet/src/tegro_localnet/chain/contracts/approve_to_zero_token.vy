# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Test token that is approved from zero only
@license Apache-2.0
@notice As Ethereum's USDT: an allowance that is not zero can only be set to zero.
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
def approve(spender: address, amount: uint256) -> bool:
    assert amount == 0 or token.allowance[msg.sender][spender] == 0, "approve from non-zero to non-zero allowance"
    token._approve(msg.sender, spender, amount)
    return True
