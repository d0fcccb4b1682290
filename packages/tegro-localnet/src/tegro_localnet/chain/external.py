"""A node that was not started here, such as Anvil: whether it can carry a localnet."""

from tegro_localnet.chain.errors import ChainError, NodeError, RpcError
from tegro_localnet.chain.process import OPERATOR_GENESIS_WEI
from tegro_localnet.chain.rpc import ChainRpc

# Enough for the contracts and some hours of settlements at the gas prices of test chains.
_LEAST_OPERATOR_WEI = 10**18
_SET_BALANCE = ("anvil_setBalance", "hardhat_setBalance")


async def adopt(rpc: ChainRpc, chain_id: int, operator: str) -> None:
    """Make sure that a node is of a chain and that the operator can pay there. Safe to repeat.

    Parameters
    ----------
    rpc
        The node.
    chain_id
        What it must be.
    operator
        Address that deploys, mints and settles. Test nodes give it coins on request; on others it must have some.

    Raises
    ------
    ChainError
        If the node does not answer, is of another chain, or the operator has no coins there.
    """
    found = await rpc.chain_id()
    if found != chain_id:
        raise NodeError(f"the node at {rpc.url} is chain {found}, not {chain_id}: use --chain-id {found}")
    for method in _SET_BALANCE:
        if await rpc.balance(operator) >= _LEAST_OPERATOR_WEI:
            return
        try:
            await rpc.batch([(method, [operator, hex(OPERATOR_GENESIS_WEI)])])
        except RpcError:
            continue
    if await rpc.balance(operator) < _LEAST_OPERATOR_WEI:
        raise ChainError(f"localnet's operator {operator} has no coins at {rpc.url}: send it at least one")
