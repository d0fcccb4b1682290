"""The endpoints of localnet's conditions: clock, latency, rate limits, tick sizes, replay."""

from typing import Final

from tegro_localnet.agents.replay import ReplayProgress
from tegro_localnet.faults import FaultEvent
from tegro_localnet.gateway.conditions import ClockBody, ClockReply, LatencyBody, ReorganiseBody, TickBody, TickReply
from tegro_localnet.openapi.operation import Operation, Parameter, whole
from tegro_localnet.rate_limits import RateLimits

CONDITION_OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/localnet/replay",
        tag="conditions",
        summary="Show how far a replay of recorded trades has come; null where there is none",
        reply=ReplayProgress | None,
    ),
    Operation(
        method="GET",
        path="/localnet/faults/log",
        tag="faults",
        summary="List what was set, happened, was released or cleared, newest last",
        query=(Parameter(name="limit", schema=whole(1, 10**6), description="100 unless told otherwise."),),
        reply=list[FaultEvent],
    ),
    Operation(
        method="GET", path="/localnet/clock", tag="conditions", summary="Show the venue's clock", reply=ClockReply
    ),
    Operation(
        method="PUT",
        path="/localnet/clock",
        tag="conditions",
        summary="Set the venue's clock ahead of the real one, or behind",
        body=ClockBody,
        reply=ClockReply,
    ),
    Operation(
        method="GET",
        path="/localnet/latency",
        tag="conditions",
        summary="Show how long answers and frames take",
        reply=LatencyBody,
    ),
    Operation(
        method="PUT",
        path="/localnet/latency",
        tag="conditions",
        summary="Set how long answers and frames take",
        body=LatencyBody,
        reply=LatencyBody,
    ),
    Operation(
        method="GET",
        path="/localnet/rate-limits",
        tag="conditions",
        summary="Show the rate limits",
        reply=RateLimits,
    ),
    Operation(
        method="PUT",
        path="/localnet/rate-limits",
        tag="conditions",
        summary="Set the rate limits; who exceeds one gets 429 and Retry-After",
        body=RateLimits,
        reply=RateLimits,
    ),
    Operation(
        method="PUT",
        path="/localnet/markets/{symbol}/tick",
        tag="conditions",
        summary="Change the decimals that a market allows in prices and quantities",
        body=TickBody,
        reply=TickReply,
    ),
    Operation(
        method="POST",
        path="/localnet/chain/reorganise",
        tag="conditions",
        summary="Let the chain take its newest blocks back: what was settled there is pending again",
        body=ReorganiseBody,
        reply=ReorganiseBody,
    ),
)
