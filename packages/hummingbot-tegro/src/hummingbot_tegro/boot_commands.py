"""Mend the commands `start` and `status` of Hummingbot's MQTT bridge, which fail for every connector.

In release 20260922 the bridge asks the application for `strategy`, which its trading core has now, and gives `script`
and `conf` to `start`, which takes `v2_conf` now. Where a release has these faults they are mended in memory; one that
has not is left as it is.
"""

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


def mend_commands(module: ModuleType) -> None:
    """Give the class of `hummingbot.client.hummingbot_application` what the bridge asks it for."""
    application = module.HummingbotApplication
    if not hasattr(application, "strategy"):
        application.strategy = property(lambda self: self.trading_core.strategy)
    for name in ("start", "start_check"):
        stock = getattr(application, name)
        parameters = inspect.signature(stock).parameters
        if "v2_conf" in parameters and "script" not in parameters:
            setattr(application, name, _with_former_words(stock))


def _with_former_words(stock: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(stock)
    def start(
        self: object,
        log_level: str | None = None,
        v2_conf: str | None = None,
        is_quickstart: bool = False,  # noqa: FBT001, FBT002  (Hummingbot's signature)
        *,
        script: str | None = None,  # noqa: ARG001  (the configuration names it)
        conf: str | None = None,
    ) -> Any:  # noqa: ANN401
        return stock(self, log_level, v2_conf or conf, is_quickstart)

    return start
