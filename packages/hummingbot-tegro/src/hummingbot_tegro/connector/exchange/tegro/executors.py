"""Finds the executor that a client order belongs to, and stops it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from hummingbot.core.event.events import MarketEvent
from hummingbot.strategy_v2.executors.executor_base import ExecutorBase
from hummingbot.strategy_v2.models.executors import TrackedOrder

_DEPTH: Final = 4
"""How deep inside an executor its orders are: a grid keeps them in levels, in a list, in a dict."""


def stop_executors(connector: Any, client_order_id: str) -> tuple[str, ...]:  # noqa: ANN401  (the host's)
    """Stop every executor that an order belongs to, where it stands; return their ids.

    Nothing is sold or bought back for it: what it believes to hold is not what the wallet holds.
    """
    stopped = []
    for executor in _executors(connector):
        if _has_order(vars(executor), client_order_id, _DEPTH):
            executor.early_stop(keep_position=True)
            stopped.append(str(executor.config.id))
    return tuple(stopped)


def _executors(connector: Any) -> Iterator[ExecutorBase]:  # noqa: ANN401
    """Yield the executors that listen to a connector: it is the only place where all of them are known."""
    for listener in list(connector.get_listeners(MarketEvent.OrderFilled)):
        owner = getattr(getattr(listener, "_to_function", None), "__self__", None)
        if isinstance(owner, ExecutorBase):
            yield owner


def _has_order(value: object, client_order_id: str, depth: int) -> bool:
    if isinstance(value, TrackedOrder):
        return bool(value.order_id == client_order_id)
    if depth == 0 or isinstance(value, str | bytes):
        return False
    return any(_has_order(inner, client_order_id, depth - 1) for inner in _inside(value))


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    is_of_executors = type(value).__module__.startswith("hummingbot.strategy_v2.executors")
    return list(vars(value).values()) if is_of_executors and hasattr(value, "__dict__") else ()
