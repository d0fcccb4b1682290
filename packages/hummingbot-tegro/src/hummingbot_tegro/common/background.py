"""Work that runs beside Hummingbot's own loops, and ends with the network."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hummingbot.core.utils.async_utils import safe_ensure_future


class Background:
    """The tasks that a connector has begun. None of them outlives `stop`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task. Hummingbot logs what it raises."""
        task = safe_ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, *others: "asyncio.Task[None] | None") -> None:
        """End every task but the one that calls, and wait for it: none may still use a client that is closed next.

        Parameters
        ----------
        others
            Tasks that were begun elsewhere and end with them; None is passed over.
        """
        begun = [task for task in (*self._tasks, *others) if task is not None and task is not asyncio.current_task()]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
