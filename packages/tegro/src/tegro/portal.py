"""An event loop in a thread of its own, for callers that have none."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any

from tegro.errors import Closed


class Portal:
    """Runs coroutines for a synchronous caller, one loop for all of them. Calls may come from several threads.

    What runs on the loop goes on between two calls: streams are read, connections are kept alive.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tegro event loop", daemon=True)
        self._thread.start()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be called any more."""
        return self._is_closed

    def call[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result, or raise what it raises.

        An interruption (Ctrl-C) cancels the coroutine before it is passed on.

        Raises
        ------
        Closed
            If the portal was closed, before or meanwhile.
        """
        if self._is_closed:
            coroutine.close()
            raise Closed("the client is closed")
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("this would wait for itself: inside the event loop use AsyncTegro")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Closed("the client was closed during this call") from None
        except BaseException:
            future.cancel()
            raise

    def iterate[T](self, source: AsyncIterator[T]) -> Iterator[T]:
        """Yield what an asynchronous iterator yields."""
        while True:
            try:
                item = self.call(_next(source))
            except StopAsyncIteration:
                return
            yield item

    def close(self) -> None:
        """Cancel what still runs, end the loop and its thread. May be repeated."""
        if self._is_closed:
            return
        self._is_closed = True
        asyncio.run_coroutine_threadsafe(_cancel_all_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next[T](source: AsyncIterator[T]) -> T:
    return await anext(source)


async def _cancel_all_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
