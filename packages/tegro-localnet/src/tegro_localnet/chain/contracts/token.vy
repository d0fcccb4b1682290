# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Test token
@license Apache-2.0
@notice An ERC-20 whose owner mints. The refusals carry the texts that traders know from the usual tokens.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

implements: IERC20
implements: IERC20Detailed

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

name: public(String[64])
symbol: public(String[16])
decimals: public(uint8)
owner: public(address)
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(name: String[64], symbol: String[16], decimals: uint8):
    self.name = name
    self.symbol = symbol
    self.decimals = decimals
    self.owner = msg.sender


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[sender][msg.sender]
    # The greatest number stands for "without limit" and is not used up.
    if allowed != max_value(uint256):
        assert allowed >= amount, "ERC20: insufficient allowance"
        self._approve(sender, msg.sender, allowed - amount)
    self._transfer(sender, to, amount)
    return True


@external
def mint(to: address, amount: uint256):
    assert msg.sender == self.owner, "Ownable: caller is not the owner"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log Transfer(sender=empty(address), receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    # Also told when a transfer uses an allowance up, so that a reader of the logs always knows what is left.
    log Approval(owner=owner, spender=spender, value=amount)


@internal
def _transfer(sender: address, to: address, amount: uint256):
    assert to != empty(address), "ERC20: transfer to the zero address"
    balance: uint256 = self.balanceOf[sender]
    assert balance >= amount, "ERC20: transfer amount exceeds balance"
    self.balanceOf[sender] = balance - amount
    self.balanceOf[to] += amount
    log Transfer(sender=sender, receiver=to, value=amount)
