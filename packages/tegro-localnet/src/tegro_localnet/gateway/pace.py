"""How fast the venue answers, and how often it may be asked."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from aiohttp import web

from tegro_localnet.gateway.replies import Handler, answer
from tegro_localnet.gateway.request_wallet import wallet_of
from tegro_localnet.gateway.stream import STREAM_PATH
from tegro_localnet.latency import LatencyRules
from tegro_localnet.perpetual.gateway import fault_answers
from tegro_localnet.rate_limits import RateLimiter

_EXCHANGE_PATHS: Final = ("/api/", fault_answers.PATHS)
_NS: Final = 10**9


class Pace:
    """The layer of rate limits and latency. Localnet's own paths know neither.

    Parameters
    ----------
    limiter : RateLimiter
        Who may ask how often. A refusal is a 429 with `Retry-After` in whole seconds; it is not delayed.
    latency : LatencyRules
        How long a request takes: half of it passes before the venue acts, half before the answer.
    clock_ns : callable
        A monotonic time in nanoseconds.
    """

    def __init__(
        self, limiter: RateLimiter, latency: LatencyRules, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._limiter = limiter
        self._latency = latency
        self._clock_ns = clock_ns

    def has_work(self) -> bool:
        """Say whether anybody is limited or delayed."""
        return self._limiter.has_limits or self._latency.has_request_rules

    async def meet(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request that comes too early; answer the others after their time."""
        if not request.path.startswith(_EXCHANGE_PATHS):
            return await handler(request)
        limits = self._limiter.limits
        if limits.per_address is not None or limits.per_wallet is not None:
            wallet = None if limits.per_wallet is None else await wallet_of(request)
            wait_ns = self._limiter.admit(request.remote, wallet, self._clock_ns())
            if wait_ns:
                return _too_many(request.path, -(-wait_ns // _NS))
        delay_us = self._latency.of_request_us(request.path)
        if delay_us == 0:
            return await handler(request)
        await asyncio.sleep(delay_us / 2_000_000)
        reply = await handler(request)
        if request.path != STREAM_PATH:
            await asyncio.sleep(delay_us / 2_000_000)
        return reply


def _too_many(path: str, retry_after_secs: int) -> web.Response:
    is_perpetual = path.startswith(fault_answers.PATHS)
    body: object = {"error": f"too many requests: try again in {retry_after_secs} s"}
    reply = answer(fault_answers.fault_body(429) if is_perpetual else body, 429)
    reply.headers["Retry-After"] = str(retry_after_secs)
    return reply
