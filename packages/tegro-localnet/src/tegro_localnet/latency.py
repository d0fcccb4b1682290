"""How long answers and stream frames take: models under the seed, for each path, and for the stream."""

import random
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from tegro_localnet.fault_spec import MAX_DELAY_MS

STREAM: Final = "stream"
"""What stands for the frames of the stream in place of a pattern of paths."""
MAX_RULES: Final = 100
_MAX_PATTERN_CHARACTERS: Final = 200
_LARGEST_SIGMA: Final = 5


class LatencyModel(StrEnum):
    """From which distribution each delay is drawn."""

    FIXED = "fixed"
    """Always `delay_ms`."""
    UNIFORM = "uniform"
    """Evenly from `delay_ms` to `most_ms`."""
    LOG_NORMAL = "log_normal"
    """Log-normal with the median `delay_ms`; `sigma` is the standard deviation of its logarithm."""


class Latency(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule: which requests or frames are delayed, and by how much.

    A request is delayed by half before the venue acts and by half before its answer. Frames keep their order.

    Raises
    ------
    ValueError
        On construction, where a value cannot work; the message says what to do.
    """

    model: LatencyModel = LatencyModel.FIXED
    path: str = "*"
    """Pattern of `fnmatch` over the path of a request, or `stream`: the frames."""
    delay_ms: int
    most_ms: int | None = None
    """Longest delay of `uniform`."""
    sigma: Decimal | None = None
    """Spread of `log_normal`."""

    def __post_init__(self) -> None:
        _require(0 <= self.delay_ms <= MAX_DELAY_MS, f"delay_ms must be from 0 to {MAX_DELAY_MS}, was {self.delay_ms}")
        _require(0 < len(self.path) <= _MAX_PATTERN_CHARACTERS, "path must have 1 to 200 characters")
        for name, owner, value in (
            ("most_ms", LatencyModel.UNIFORM, self.most_ms),
            ("sigma", LatencyModel.LOG_NORMAL, self.sigma),
        ):
            _require(
                (value is not None) == (self.model is owner), f"{name} belongs to the model {owner}, and to no other"
            )
        if self.most_ms is not None:
            _require(
                self.delay_ms <= self.most_ms <= MAX_DELAY_MS,
                f"most_ms must be from delay_ms to {MAX_DELAY_MS}, was {self.most_ms}",
            )
        if self.sigma is not None:
            _require(
                self.sigma.is_finite() and 0 < self.sigma <= _LARGEST_SIGMA,
                f"sigma must be above 0 and at most {_LARGEST_SIGMA}, was {self.sigma}",
            )

    def draw_us(self, rng: random.Random) -> int:
        """Return one delay in microseconds."""
        delay_us = self.delay_ms * 1000
        if self.most_ms is not None:
            return rng.randint(delay_us, self.most_ms * 1000)
        if self.sigma is not None:
            factor = (Decimal(rng.gauss(0, 1)) * self.sigma).exp()
            return min(int(delay_us * factor), MAX_DELAY_MS * 1000)
        return delay_us


class LatencyRules:
    """The rules that hold now. The first that fits counts; what none fits is not delayed.

    Parameters
    ----------
    rng : random.Random
        Draws the delays.
    rules : sequence of Latency
        Those at the start.
    """

    def __init__(self, rng: random.Random, rules: Sequence[Latency] = ()) -> None:
        self._rng = rng
        self.set(rules)

    @property
    def rules(self) -> tuple[Latency, ...]:
        """Every rule, in the order in which they are tried."""
        return self._rules

    @property
    def has_request_rules(self) -> bool:
        """Whether any request may be delayed now."""
        return bool(self._of_requests)

    def set(self, rules: Sequence[Latency]) -> None:
        """Replace all rules.

        Raises
        ------
        ValueError
            If there are too many.
        """
        _require(len(rules) <= MAX_RULES, f"there may be at most {MAX_RULES} rules of latency, were {len(rules)}")
        self._rules = tuple(rules)
        self._of_requests = [rule for rule in rules if rule.path != STREAM]
        self._of_stream = next((rule for rule in rules if rule.path == STREAM), None)

    def of_request_us(self, path: str) -> int:
        """Return how long a request of a path takes, in microseconds."""
        for rule in self._of_requests:
            if fnmatchcase(path, rule.path):
                return rule.draw_us(self._rng)
        return 0

    def of_frame_us(self) -> int:
        """Return how long a frame takes to one socket, in microseconds."""
        return 0 if self._of_stream is None else self._of_stream.draw_us(self._rng)


def read_latency(text: str) -> Latency:
    """Read the short form of a rule: `[PATTERN=]DELAY`, with `20`, `5-50` (uniform) or `30~0.5` (log-normal) as delay.

    Raises
    ------
    ValueError
        If it is not understood.
    """
    path, _, delay = text.rpartition("=")
    try:
        return _read_delay(path or "*", delay)
    except (InvalidOperation, ValueError) as error:
        message = (
            f"latency must be milliseconds such as 20, 5-50 or 30~0.5, after 'PATTERN=' or 'stream=' where it is "
            f"not for every request; was {text[:80]!r}: {error}"
        )
        raise ValueError(message) from error


def _read_delay(path: str, delay: str) -> Latency:
    if "~" in delay:
        median, sigma = delay.split("~")
        return Latency(model=LatencyModel.LOG_NORMAL, path=path, delay_ms=int(median), sigma=Decimal(sigma))
    if "-" in delay:
        least, most = delay.split("-")
        return Latency(model=LatencyModel.UNIFORM, path=path, delay_ms=int(least), most_ms=int(most))
    return Latency(path=path, delay_ms=int(delay))


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion reads best this way
    if not condition:
        raise ValueError(message)
