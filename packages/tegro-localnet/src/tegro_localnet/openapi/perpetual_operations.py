"""Localnet's own endpoints of the perpetual venue. What is under `/fapi` is another exchange's, which describes it."""

from typing import Any, Final

from tegro_localnet.agents.replay import ReplayProgress
from tegro_localnet.gateway.state import CandleView, MarketView
from tegro_localnet.openapi.operation import Operation, Parameter, whole
from tegro_localnet.perpetual.gateway.control import ApiKeyBody, ApiKeyReply, DepositBody, FundingBody, IndexBody
from tegro_localnet.perpetual.gateway.page_state import PerpetualMarketState

_ROOT: Final = "/localnet/perpetual"
_PREMIUM: Final = dict[str, Any]
"""As `premiumIndex` of the exchange's dialect."""

PERPETUAL_OPERATIONS: Final = (
    Operation(
        method="POST",
        path=f"{_ROOT}/api-keys",
        tag="perpetual",
        summary="Open an account with a deposit, and give the key to it",
        body=ApiKeyBody,
        reply=ApiKeyReply,
    ),
    Operation(
        method="POST",
        path=f"{_ROOT}/deposit",
        tag="perpetual",
        summary="Pay into an account, or out of it",
        body=DepositBody,
        reply=dict[str, Any],
    ),
    Operation(
        method="POST",
        path=f"{_ROOT}/index",
        tag="perpetual",
        summary="Set the index price of a contract",
        body=IndexBody,
        reply=_PREMIUM,
    ),
    Operation(
        method="POST",
        path=f"{_ROOT}/funding",
        tag="perpetual",
        summary="Set the interval and the rate of a contract's funding",
        body=FundingBody,
        reply=_PREMIUM,
    ),
    Operation(
        method="POST",
        path=f"{_ROOT}/streams/cut",
        tag="perpetual",
        summary="Cut every WebSocket of the perpetual venue",
        reply=dict[str, int],
    ),
    Operation(
        method="GET",
        path=f"{_ROOT}/replay",
        tag="perpetual",
        summary="Show how far a replay of recorded trades on a contract has come; null where there is none",
        reply=ReplayProgress | None,
    ),
    Operation(
        method="GET",
        path=_ROOT,
        tag="perpetual",
        summary="Show prices, funding and every position",
        reply=dict[str, Any],
    ),
    Operation(
        method="GET",
        path=f"{_ROOT}/markets",
        tag="perpetual",
        summary="List the contracts with their figures",
        reply=list[MarketView],
    ),
    Operation(
        method="GET",
        path=f"{_ROOT}/markets/{{symbol}}",
        tag="perpetual",
        summary="Show a contract's book, newest trades, mark price and funding",
        reply=PerpetualMarketState,
    ),
    Operation(
        method="GET",
        path=f"{_ROOT}/markets/{{symbol}}/candles",
        tag="perpetual",
        summary="List a contract's newest candles, oldest first",
        query=(
            Parameter(name="interval", schema=whole(0, 10**9), description="Seconds; one of `intervals_secs`."),
            Parameter(name="limit", schema=whole(1, 500), description="500 unless told otherwise."),
        ),
        reply=list[CandleView],
    ),
)
