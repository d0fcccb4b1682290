"""A client of `tegro` and its lifetime: one while the network runs, and short ones where it does not."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol


class Closable(Protocol):
    """What is opened by its first use."""

    async def aclose(self) -> None:
        """Close it. May be repeated."""
        ...


class ClientLink[Client: Closable](ABC):
    """A client that is opened when it is first needed and closed with the network.

    Hummingbot also makes connectors that it never starts or stops, to test keys or to list markets. They use
    `borrowed`, which leaves nothing open behind.
    """

    def __init__(self) -> None:
        self._client: Client | None = None
        self._learning = asyncio.Lock()

    @abstractmethod
    def _running_client(self) -> Client:
        """Return a new client for the running network."""

    @abstractmethod
    def _short_client(self) -> AbstractAsyncContextManager[Client]:
        """Return a new client for one block."""

    @property
    def client(self) -> Client:
        """The client of the running network, opened where it is not."""
        return self.open()

    def open(self) -> Client:
        """Make the client of the running network, where there is none, and return it."""
        if self._client is None:
            self._client = self._running_client()
        return self._client

    @property
    def is_open(self) -> bool:
        """Whether the network runs, so that its client can be used."""
        return self._client is not None

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Client]:
        """Lend the client of the running network, or one for this block only where the network does not run."""
        if self._client is not None:
            yield self._client
            return
        async with self._short_client() as client:
            yield client

    async def close(self) -> None:
        """Close the client. May be repeated; the next use of `client` opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _learn_once(self, is_known: Callable[[], bool], read: Callable[[], Awaitable[None]]) -> None:
        """Read what is not known yet. Many ask at the start; one answer serves all of them."""
        if not is_known():
            async with self._learning:
                if not is_known():
                    await read()
