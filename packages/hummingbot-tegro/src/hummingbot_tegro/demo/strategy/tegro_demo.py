"""The V2 script of the demo bot; `tegro demo` copies it into the bot's home folder.

Hummingbot's package on PyPI ships no script that runs controllers, so this is one, with nothing of its own.
"""

import os

from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase
from hummingbot.strategy_v2.models.executor_actions import CreateExecutorAction, StopExecutorAction


class TegroDemoConfig(StrategyV2ConfigBase):
    """The controllers bring the settings."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)


class TegroDemo(StrategyV2Base):
    """Runs the controllers and decides nothing itself."""

    def create_actions_proposal(self) -> list[CreateExecutorAction]:
        """Leave it to the controllers."""
        return []

    def stop_actions_proposal(self) -> list[StopExecutorAction]:
        """Leave it to the controllers."""
        return []
