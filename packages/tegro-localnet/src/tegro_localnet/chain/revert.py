"""Why a contract refused, from the data it left behind."""

from typing import Final

_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_PANIC_SELECTOR: Final = bytes.fromhex("4e487b71")
NO_REASON: Final = "no reason given"


def revert_reason(data: bytes) -> str:
    """Return the words of a refusal.

    Parameters
    ----------
    data : bytes
        What the call left: `Error(string)`, `Panic(uint256)`, a custom error, or nothing.
    """
    # Costs the start of the node a tenth of a second, and most runs see no refusal.
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    try:
        if data[:4] == _ERROR_SELECTOR:
            (text,) = decode(["string"], data[4:])
            return str(text)
        if data[:4] == _PANIC_SELECTOR:
            (code,) = decode(["uint256"], data[4:])
            return f"panic {code:#04x}"
    except (DecodingError, UnicodeDecodeError):
        return f"unreadable refusal 0x{data.hex()}"
    return f"custom error 0x{data.hex()}" if data else NO_REASON
