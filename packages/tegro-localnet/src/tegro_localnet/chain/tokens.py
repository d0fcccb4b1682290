"""Token balances and allowances: reading them, following their changes, and the faucet."""

from typing import Final

from msgspec import Struct

from tegro_localnet.chain.accounts import Sender
from tegro_localnet.chain.contracts import TOKEN
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.values import ContractCall, Log, Receipt

_TRANSFER: Final = TOKEN.events["Transfer"]
_APPROVAL: Final = TOKEN.events["Approval"]
# Enough for one write to a fresh slot and its event; what is not used is not paid.
_MINT_GAS: Final = 150_000
_TRANSFER_GAS: Final = 21_000


class TransferEvent(Struct, frozen=True, kw_only=True):
    """Tokens changed hands. Minted ones come from the zero address."""

    token: str
    sender: str
    receiver: str
    amount: int
    block_number: int
    log_index: int


class ApprovalEvent(Struct, frozen=True, kw_only=True):
    """What `spender` may take from `owner` is now `amount`; told after an approval and after each use of it.

    An allowance of 2^256-1 is not used up and so tells nothing when used.
    """

    token: str
    owner: str
    spender: str
    amount: int
    block_number: int
    log_index: int


class TokenLedgerReader:
    """The deployment's tokens as the chain has them."""

    def __init__(self, rpc: ChainRpc, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment

    async def balance_and_allowance(self, token: str, wallet: str) -> tuple[int, int]:
        """Return a wallet's balance and what the exchange may take of it, both in the token's base units."""
        balance, allowance = await self._rpc.call_many(
            [
                ContractCall(to=token, data=TOKEN.encode("balanceOf", wallet)),
                ContractCall(to=token, data=TOKEN.encode("allowance", wallet, self._deployment.exchange)),
            ]
        )
        return int(TOKEN.decode("balanceOf", balance)[0]), int(TOKEN.decode("allowance", allowance)[0])

    async def token_events(self, from_block: int, to_block: int) -> list[TransferEvent | ApprovalEvent]:
        """Return what happened to the deployment's tokens in these blocks, both included, in the order it happened.

        Approvals of every spender are among them.
        """
        tokens = list(self._deployment.tokens.values())
        logs = await self._rpc.logs(from_block, to_block, tokens, [[_TRANSFER.topic, _APPROVAL.topic]])
        return [_token_event(log) for log in logs]


class Faucet:
    """Gives test tokens and native coins away.

    Parameters
    ----------
    sender : Sender
        The wallet that deployed the tokens: nobody else can mint.
    deployment : Deployment
        The tokens.
    """

    def __init__(self, sender: Sender, deployment: Deployment) -> None:
        self._sender = sender
        self._tokens = frozenset(deployment.tokens.values())

    async def mint(self, token: str, wallet: str, amount: int) -> Receipt:
        """Create tokens for a wallet. Each repetition creates as many again.

        Parameters
        ----------
        token : str
            The token's address, one of the deployment's.
        wallet : str
            Who gets them.
        amount : int
            In the token's base units.

        Raises
        ------
        ValueError
            If the token is not one of the deployment's.
        """
        if token not in self._tokens:
            raise ValueError(f"the faucet gives only the tokens of this chain, not {token}")
        return await self._sender.send(token, TOKEN.encode("mint", wallet, amount), gas=_MINT_GAS)

    async def send_native(self, wallet: str, amount_wei: int) -> Receipt:
        """Send native coins to a wallet, for its gas."""
        return await self._sender.send(wallet, value=amount_wei, gas=_TRANSFER_GAS)


def _token_event(log: Log) -> TransferEvent | ApprovalEvent:
    if log.topics[0] == _TRANSFER.topic:
        values = _TRANSFER.decode(log)
        return TransferEvent(
            token=log.address,
            sender=values["sender"],
            receiver=values["receiver"],
            amount=values["value"],
            block_number=log.block_number,
            log_index=log.log_index,
        )
    values = _APPROVAL.decode(log)
    return ApprovalEvent(
        token=log.address,
        owner=values["owner"],
        spender=values["spender"],
        amount=values["value"],
        block_number=log.block_number,
        log_index=log.log_index,
    )
