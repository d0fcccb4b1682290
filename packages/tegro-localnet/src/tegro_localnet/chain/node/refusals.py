"""Refusals, worded and numbered as geth does it, because client libraries read these texts."""

from tegro_localnet.chain.revert import revert_reason


class RpcRefusal(Exception):
    """A request that gets a JSON-RPC error object.

    Attributes
    ----------
    code : int
        The error code.
    message : str
        The text.
    data : str or None
        What a reverted call left behind, as hex.
    """

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def unreadable() -> RpcRefusal:
    """Return the refusal of a body that is no JSON."""
    return RpcRefusal(-32700, "parse error")


def invalid_request() -> RpcRefusal:
    """Return the refusal of JSON that is no request."""
    return RpcRefusal(-32600, "invalid request")


def unknown_method(method: str) -> RpcRefusal:
    """Return the refusal of a method this node does not have."""
    return RpcRefusal(-32601, f"the method {method} does not exist/is not available")


def invalid_params(text: str) -> RpcRefusal:
    """Return the refusal of parameters that cannot be read."""
    return RpcRefusal(-32602, text)


def invalid_input(text: str) -> RpcRefusal:
    """Return the refusal of a transaction or a call for what it asks."""
    return RpcRefusal(-32000, text)


def out_of_gas(allowance: int) -> RpcRefusal:
    """Return the refusal of a call that needs more gas than it may have."""
    return RpcRefusal(-32000, f"gas required exceeds allowance ({allowance})")


def execution_reverted(data: bytes) -> RpcRefusal:
    """Return the refusal of a call that a contract refused; the contract's own data goes with it."""
    reason = f": {revert_reason(data)}" if data else ""
    return RpcRefusal(3, f"execution reverted{reason}", "0x" + data.hex())
