"""Filters: a client asks again and again what is new since it last asked, as web3.py's `create_filter` does."""

import itertools
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from tegro_localnet.chain.node import parameters
from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.formatting import to_hex
from tegro_localnet.chain.node.refusals import invalid_input

_MOST_FILTERS: Final = 1_000
"""A client that never takes its filters off loses the oldest."""

type Method = Callable[..., object]
type FindLogs = Callable[[dict[str, Any]], list[dict[str, Any]]]


class _Filter(Struct):
    kind: str
    """`logs`, `blocks` or `transactions`."""
    wanted: dict[str, Any]
    next_block: int
    """The first block that its owner has not heard of."""


class Filters:
    """The filters that clients have set.

    Parameters
    ----------
    chain
        What they watch.
    find_logs
        Answers `eth_getLogs`.
    """

    def __init__(self, chain: LocalChain, find_logs: FindLogs) -> None:
        self._chain = chain
        self._find_logs = find_logs
        self._ids = itertools.count(1)
        self._filters: dict[str, _Filter] = {}

    def methods(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "eth_newFilter": lambda wanted: self._add("logs", parameters.mapping(wanted, "filter")),
            "eth_newBlockFilter": lambda: self._add("blocks", {}),
            "eth_newPendingTransactionFilter": lambda: self._add("transactions", {}),
            "eth_getFilterChanges": self._changes,
            "eth_getFilterLogs": lambda identity: self._find_logs(self._known(identity).wanted),
            "eth_uninstallFilter": lambda identity: self._filters.pop(str(identity), None) is not None,
        }

    def _add(self, kind: str, wanted: dict[str, Any]) -> str:
        if len(self._filters) >= _MOST_FILTERS:
            del self._filters[next(iter(self._filters))]
        identity = hex(next(self._ids))
        self._filters[identity] = _Filter(kind, wanted, self._head() + 1)
        return identity

    def _changes(self, identity: object) -> list[Any]:
        found = self._known(identity)
        first, last = found.next_block, self._head()
        found.next_block = last + 1
        blocks = [block for number in range(first, last + 1) if (block := self._chain.block(number))]
        match found.kind:
            case "blocks":
                return [to_hex(block.header.hash) for block in blocks]
            case "transactions":
                # A transaction is in a block as soon as it is here, so what is pending is what was mined.
                return [to_hex(record.transaction.hash) for block in blocks for record in block.transactions]
            case _:
                return self._new_logs(found, first, last)

    def _new_logs(self, found: _Filter, first: int, last: int) -> list[Any]:
        span = self._span(found.wanted)
        first, last = max(first, span[0]), min(last, span[1])
        if first > last:
            return []
        return self._find_logs(found.wanted | {"fromBlock": hex(first), "toBlock": hex(last)})

    def _span(self, wanted: dict[str, Any]) -> tuple[int, int]:
        """Return the first and the last block a filter is about; tags stand for no bound."""
        bounds = (wanted.get("fromBlock"), wanted.get("toBlock"))
        first, last = (None if bound in {None, *parameters.BLOCK_TAGS} else bound for bound in bounds)
        return (
            0 if first is None else parameters.quantity(first, "fromBlock"),
            self._head() if last is None else parameters.quantity(last, "toBlock"),
        )

    def _known(self, identity: object) -> _Filter:
        found = self._filters.get(str(identity))
        if found is None:
            raise invalid_input("filter not found")
        return found

    def _head(self) -> int:
        return int(self._chain.head.block_number)
