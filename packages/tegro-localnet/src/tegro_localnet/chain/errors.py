"""What can go wrong between the venue and its chain."""


class ChainError(Exception):
    """Something about the chain failed. The base of every error raised in `tegro_localnet.chain`."""


class ChainUnreachableError(ChainError):
    """The node did not answer. Whether a transaction that was being sent was taken is not known."""


class NodeError(ChainError):
    """The embedded node did not start, or ended by itself."""


class RpcError(ChainError):
    """The node refused a request.

    Attributes
    ----------
    code : int
        The JSON-RPC error code.
    reason : str
        The node's own text.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the chain node answered: {reason} (code {code})")
        self.code = code
        self.reason = reason


class Reverted(ChainError):
    """A contract refused a call or a transaction.

    Attributes
    ----------
    reason : str
        The contract's own words, for example `ERC20: insufficient allowance`.
    tx_hash : str or None
        The transaction, when one was mined; None for a call or an estimate.
    """

    def __init__(self, reason: str, tx_hash: str | None = None) -> None:
        super().__init__(f"the contract refused: {reason}" + (f" (transaction {tx_hash})" if tx_hash else ""))
        self.reason = reason
        self.tx_hash = tx_hash
