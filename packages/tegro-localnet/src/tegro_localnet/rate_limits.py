"""Rate limits: a token bucket for each client's address and for each wallet."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

MAX_BUCKETS: Final = 10_000
"""How many clients are remembered; one that is forgotten has its whole burst again."""
_LARGEST: Final = 1_000_000
_NS: Final = 10**9


class RateLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many requests somebody may send.

    Raises
    ------
    ValueError
        On construction, where a value cannot work.
    """

    per_second: int
    burst: int
    """How many may come at once after a pause."""

    def __post_init__(self) -> None:
        for name, value in (("per_second", self.per_second), ("burst", self.burst)):
            if not 1 <= value <= _LARGEST:
                message = f"{name} must be from 1 to {_LARGEST}, was {value}"
                raise ValueError(message)


class RateLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a venue; None: no limit."""

    per_address: RateLimit | None = None
    """For all that comes from one IP address."""
    per_wallet: RateLimit | None = None
    """For all requests that name one wallet in path or body."""


class TokenBucket:
    """Counts in billionths of a request, so that nothing is lost to rounding. It begins full.

    Parameters
    ----------
    limit : RateLimit
        Its size and how quickly it fills.
    now_ns : int
        A monotonic time in nanoseconds, as of every method.
    """

    def __init__(self, limit: RateLimit, now_ns: int) -> None:
        self._limit = limit
        self._level = limit.burst * _NS
        self._at_ns = now_ns

    def wait_ns(self, now_ns: int) -> int:
        """Return how long it takes until a request may be sent, in nanoseconds; zero: now."""
        self._level = min(self._level + (now_ns - self._at_ns) * self._limit.per_second, self._limit.burst * _NS)
        self._at_ns = now_ns
        return -(-max(_NS - self._level, 0) // self._limit.per_second)

    def take(self) -> None:
        """Use up one request."""
        self._level -= _NS


class RateLimiter:
    """The limits that hold now, and what is left to each client.

    Parameters
    ----------
    limits : RateLimits
        Those at the start.
    """

    def __init__(self, limits: RateLimits | None = None) -> None:
        self.set(limits or RateLimits())

    @property
    def limits(self) -> RateLimits:
        """What holds now."""
        return self._limits

    @property
    def has_limits(self) -> bool:
        """Whether anybody is limited now."""
        return self._limits.per_address is not None or self._limits.per_wallet is not None

    def set(self, limits: RateLimits) -> None:
        """Replace the limits; everybody begins with a whole burst."""
        self._limits = limits
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def admit(self, address: str | None, wallet: str | None, now_ns: int) -> int:
        """Count a request, or say in how many nanoseconds it may come again; zero: it was counted.

        Parameters
        ----------
        address, wallet : str, optional
            Who sends it, and for which wallet (lower case); None where it is not known.
        now_ns : int
            A monotonic time in nanoseconds.
        """
        asked = ((self._limits.per_address, address), (self._limits.per_wallet, wallet))
        buckets = [self._bucket(limit, name, now_ns) for limit, name in asked if limit is not None and name is not None]
        wait_ns = max((bucket.wait_ns(now_ns) for bucket in buckets), default=0)
        if wait_ns == 0:
            for bucket in buckets:
                bucket.take()
        return wait_ns

    def _bucket(self, limit: RateLimit, name: str, now_ns: int) -> TokenBucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(limit, now_ns)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket


def read_rate_limit(text: str) -> RateLimit:
    """Read the short form of a limit: `PER_SECOND` or `PER_SECOND/BURST`.

    Raises
    ------
    ValueError
        If it is not understood.
    """
    per_second, _, burst = text.partition("/")
    try:
        return RateLimit(per_second=int(per_second), burst=int(burst or per_second))
    except ValueError as error:
        message = f"a rate limit must be PER_SECOND or PER_SECOND/BURST such as 20/40, was {text[:40]!r}: {error}"
        raise ValueError(message) from error


def read_rate_limits(address: str | None, wallet: str | None) -> RateLimits:
    """Read the short forms of both limits; None: no limit.

    Raises
    ------
    ValueError
        If one is not understood.
    """
    return RateLimits(
        per_address=None if address is None else read_rate_limit(address),
        per_wallet=None if wallet is None else read_rate_limit(wallet),
    )
