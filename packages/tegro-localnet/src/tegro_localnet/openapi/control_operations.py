"""Localnet's own endpoints under `/localnet/`, which no exchange has."""

from typing import Final

from tegro_localnet.faults import ActiveFault, Fault
from tegro_localnet.gateway.control import FaucetBody, FaucetReply
from tegro_localnet.gateway.state import CandleView, MarketState, MarketView, VenueState
from tegro_localnet.gateway.switch_control import SwitchView
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.openapi.operation import Operation, Parameter, whole

_COUNT: Final = dict[str, int]
_ROWS: Final = Parameter(name="limit", schema=whole(1, 500), description="Rows of each list.")

_ITSELF: Final = (
    Operation(
        method="POST",
        path="/localnet/faucet",
        tag="localnet",
        summary="Give a wallet test tokens and coins for gas",
        body=FaucetBody,
        reply=FaucetReply,
    ),
    Operation(
        method="GET", path="/localnet/info", tag="localnet", summary="Show URLs and contracts", reply=LocalnetInfo
    ),
    Operation(method="GET", path="/localnet/health", tag="localnet", summary="Say that it lives", reply=dict[str, str]),
    Operation(
        method="GET",
        path="/localnet/headers",
        tag="localnet",
        summary="Count headers of their own that clients sent",
        reply=dict[str, dict[str, int]],
    ),
)

_STATE: Final = (
    Operation(
        method="GET",
        path="/localnet/state",
        tag="state",
        summary="Show every wallet, and the newest orders and settlements",
        query=(_ROWS,),
        reply=VenueState,
    ),
    Operation(method="GET", path="/localnet/markets", tag="state", summary="List markets", reply=list[MarketView]),
    Operation(
        method="GET",
        path="/localnet/markets/{symbol}",
        tag="state",
        summary="Show a market's book and newest trades",
        query=(_ROWS,),
        reply=MarketState,
    ),
    Operation(
        method="GET",
        path="/localnet/markets/{symbol}/candles",
        tag="state",
        summary="List a market's newest candles, oldest first",
        query=(
            Parameter(name="interval", schema=whole(0, 10**9), description="Seconds; one of `intervals_secs`."),
            Parameter(name="limit", schema=whole(1, 1000), description="1000 unless told otherwise."),
        ),
        reply=list[CandleView],
    ),
)

_FAULTS: Final = (
    Operation(method="POST", path="/localnet/faults", tag="faults", summary="Set a fault", body=Fault, reply=_COUNT),
    Operation(method="GET", path="/localnet/faults", tag="faults", summary="List the faults", reply=list[ActiveFault]),
    Operation(method="DELETE", path="/localnet/faults", tag="faults", summary="Clear all faults", reply=_COUNT),
    Operation(method="DELETE", path="/localnet/faults/{id}", tag="faults", summary="Clear a fault", reply=_COUNT),
    Operation(
        method="POST",
        path="/localnet/faults/release",
        tag="faults",
        summary="Let the requests go on that any fault holds",
        reply=_COUNT,
    ),
    Operation(
        method="POST",
        path="/localnet/faults/{id}/release",
        tag="faults",
        summary="Let the requests go on that a fault holds",
        reply=_COUNT,
    ),
    Operation(method="POST", path="/localnet/streams/cut", tag="faults", summary="Cut every WebSocket", reply=_COUNT),
)

_SWITCHES: Final = (
    Operation(
        method="GET",
        path="/localnet/switches",
        tag="switches",
        summary="List the switches and their positions",
        reply=list[SwitchView],
    ),
    Operation(
        method="PUT",
        path="/localnet/switches",
        tag="switches",
        summary="Change the switches that the body names, all of them or none",
        body=dict[str, str],
        reply=list[SwitchView],
    ),
)

CONTROL_OPERATIONS: Final = (*_ITSELF, *_STATE, *_FAULTS, *_SWITCHES)
