"""What a fault answers on the perpetual paths: a status with a body as the dialect has it (perpetual dialect 1.7)."""

from typing import Final

PATHS: Final = "/fapi/"
_UNKNOWN: Final = "Unknown error, please check your request or try again later."
_TOO_MANY: Final = (418, 429)


def fault_body(status: int) -> dict[str, object]:
    """Return the body of a status. That of 503 says that the outcome is unknown."""
    if status in _TOO_MANY:
        return {"code": -1003, "msg": "Too many requests; please use the websocket for live updates."}
    return {"code": -1000, "msg": _UNKNOWN}
