"""Times that were observed without a break: pure."""

from collections.abc import Iterable, Iterator

from msgspec import Struct


class Span(Struct, frozen=True, order=True):
    """From a moment up to, but not including, another; Unix milliseconds."""

    start_ms: int
    end_ms: int


class Spans:
    """A set of moments, kept as the fewest spans: those that touch or overlap are one.

    Parameters
    ----------
    spans
        In any order, touching or not; empty ones are left out.
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        merged: list[Span] = []
        for span in sorted(span for span in spans if span.start_ms < span.end_ms):
            if merged and span.start_ms <= merged[-1].end_ms:
                merged[-1] = Span(merged[-1].start_ms, max(merged[-1].end_ms, span.end_ms))
            else:
                merged.append(span)
        self._spans = tuple(merged)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __or__(self, other: "Spans") -> "Spans":
        return Spans((*self, *other))

    def around(self, time_ms: int) -> Span | None:
        """Return the span that holds a moment or ends at it; None where there is none."""
        return next((span for span in reversed(self._spans) if span.start_ms <= time_ms <= span.end_ms), None)

    def cover(self, start_ms: int, end_ms: int) -> bool:
        """Return whether everything from one moment up to another was observed; an empty range was."""
        span = self.around(end_ms)
        return start_ms >= end_ms or (span is not None and span.start_ms <= start_ms)
