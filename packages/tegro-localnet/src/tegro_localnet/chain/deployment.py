"""The contracts of one localnet chain: putting them there and knowing where they are."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from typing import Final

from msgspec import Struct

from tegro_localnet.chain.accounts import Sender
from tegro_localnet.chain.contracts import (
    APPROVE_TO_ZERO_TOKEN,
    EXCHANGE,
    EXCHANGE_NO_EXPIRY,
    SETTLER,
    SETTLER_NO_EXPIRY,
    SILENT_TOKEN,
    TOKEN,
    Contract,
)
from tegro_localnet.chain.errors import ChainError
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.values import TokenKind
from tegro_localnet.signed_order import Domain

# More than the largest of the contracts takes; what is not used is not paid.
_DEPLOY_GAS: Final = 4_000_000
_TOKEN_CONTRACTS: Final = {
    TokenKind.STANDARD: TOKEN,
    TokenKind.APPROVE_TO_ZERO: APPROVE_TO_ZERO_TOKEN,
    TokenKind.SILENT: SILENT_TOKEN,
}


class ExchangeForm(Struct, frozen=True):
    """Which orders the exchange contract takes (protocol 5.3 and 6.7)."""

    has_expiry: bool = True
    """Whether an order ends with `expiryTime`."""
    prices_in_quote_units: bool = False
    """Whether a price is in the smallest unit of the quote token for a whole base token, instead of scaled by 10^18."""

    @property
    def exchange(self) -> Contract:
        """The contract that settles pairs."""
        return EXCHANGE if self.has_expiry else EXCHANGE_NO_EXPIRY

    @property
    def settler(self) -> Contract:
        """The contract that settles batches."""
        return SETTLER if self.has_expiry else SETTLER_NO_EXPIRY


NEWEST_EXCHANGE: Final = ExchangeForm()


class TokenSpec(Struct, frozen=True):
    """An ERC-20 token to create."""

    symbol: str
    name: str
    decimals: int
    kind: TokenKind = TokenKind.STANDARD

    @property
    def deploy_data(self) -> bytes:
        """The data of the transaction that creates it."""
        return _TOKEN_CONTRACTS[self.kind].deploy_data(self.name, self.symbol, self.decimals)


class Deployment(Struct, frozen=True, kw_only=True, dict=True):
    """Where the contracts of a chain are. Addresses are lower case.

    Attributes
    ----------
    exchange : str
        Verifies and settles; the spender of allowances and the EIP-712 verifying contract (protocol 2.4).
    settlement : str
        The batch settler (protocol 7.3).
    tokens : dict of str to str
        Symbol to address.
    fee_bps : int
        Taken from what each side receives, in hundredths of a percent.
    fee_recipient : str
        Who gets the fees.
    form : ExchangeForm
        Which orders the exchange takes.
    """

    chain_id: int
    exchange: str
    settlement: str
    tokens: dict[str, str]
    fee_bps: int
    fee_recipient: str
    form: ExchangeForm = NEWEST_EXCHANGE

    @cached_property
    def domain(self) -> Domain:
        """The EIP-712 domain that orders for this chain are signed for."""
        return Domain(chain_id=self.chain_id, verifying_contract=self.exchange)


async def deploy(
    rpc: ChainRpc,
    tokens: Sequence[TokenSpec],
    fee_bps: int,
    operator: Sender,
    form: ExchangeForm = NEWEST_EXCHANGE,
) -> Deployment:
    """Create the tokens, the exchange and the settler.

    Parameters
    ----------
    rpc : ChainRpc
        The chain.
    tokens : sequence of TokenSpec
        The tokens to create; symbols must differ.
    fee_bps : int
        0 to 100 (protocol 7.3).
    operator : Sender
        Pays, owns exchange and tokens (so it alone can mint) and receives the fees. On a fresh chain equal tokens get
        equal addresses in every run.
    form : ExchangeForm
        Which orders the exchange is to take.

    Raises
    ------
    Reverted
        If `fee_bps` is above 100.
    """
    exchange, *created = await asyncio.gather(
        _create(operator, form.exchange.deploy_data(operator.address, fee_bps, form.prices_in_quote_units)),
        *(_create(operator, token.deploy_data) for token in tokens),
    )
    settlement = await _create(operator, form.settler.deploy_data(exchange))
    return Deployment(
        chain_id=await rpc.chain_id(),
        exchange=exchange,
        settlement=settlement,
        tokens={token.symbol: address for token, address in zip(tokens, created, strict=True)},
        fee_bps=fee_bps,
        fee_recipient=operator.address,
        form=form,
    )


async def _create(operator: Sender, data: bytes) -> str:
    receipt = await operator.send(None, data, gas=_DEPLOY_GAS)
    if receipt.contract_address is None:
        raise ChainError(f"transaction {receipt.tx_hash} was mined and created no contract")
    return receipt.contract_address
