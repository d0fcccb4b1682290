"""How one endpoint is described."""

from typing import Any, Final

from msgspec import Struct

type Schema = dict[str, Any]

ADDRESS: Final[Schema] = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}
TEXT: Final[Schema] = {"type": "string"}


class Parameter(Struct, frozen=True, kw_only=True):
    """A part of a path or of a query."""

    name: str
    schema: Schema
    description: str = ""
    is_required: bool = False


class Operation(Struct, frozen=True, kw_only=True):
    """One endpoint. The parts of its path that stand in braces are required and known by their names."""

    method: str
    path: str
    summary: str
    tag: str
    reply: Any
    """Type of the answer; a wire struct, a list of one, or anything that msgspec can describe."""
    body: Any = None
    """Type of the request's body; None: it has none."""
    query: tuple[Parameter, ...] = ()
    description: str = ""
    status: int = 200
    """Of the answer that is no refusal."""


def whole(least: int, most: int) -> Schema:
    """Return the schema of a whole number between two others, both included."""
    return {"type": "integer", "minimum": least, "maximum": most}


PATH_PARAMETERS: Final[dict[str, Parameter]] = {
    parameter.name: parameter
    for parameter in (
        Parameter(name="chain_id", schema=whole(0, 10**17), description="A chain of this venue."),
        Parameter(name="wallet", schema=ADDRESS, description="In any case."),
        Parameter(name="token", schema=ADDRESS, description="Contract of a token."),
        Parameter(name="market_id", schema=TEXT, description="`{chain_id}_{base token}_{quote token}`."),
        Parameter(name="order_id", schema=TEXT, description="As the venue gave it."),
        Parameter(name="symbol", schema=TEXT, description="Such as `WETH_USDC`."),
        Parameter(name="id", schema=whole(1, 10**9), description="As setting it has answered."),
    )
}
"""By their name in braces."""
