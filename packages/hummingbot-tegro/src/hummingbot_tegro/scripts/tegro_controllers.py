"""Run V2 controllers, those that the script's settings name.

Hummingbot's package on PyPI ships no script for that. A controller with `manual_kill_switch: true` in its settings is
stopped with its executors, and started again when it is taken out; the settings are read again every few seconds.
"""

import os

from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase
from hummingbot.strategy_v2.controllers.controller_base import ControllerBase
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executor_actions import CreateExecutorAction, StopExecutorAction


class TegroControllersConfig(StrategyV2ConfigBase):
    """The controllers bring the settings."""

    script_file_name: str = os.path.basename(__file__)  # noqa: PTH119  (as Hummingbot's own scripts do)


class TegroControllers(StrategyV2Base):
    """Runs the controllers and decides nothing itself."""

    def apply_initial_setting(self) -> None:
        """Set leverage and position mode at perpetual venues, as the controllers' settings say."""
        for controller in self.controllers.values():
            settings = controller.config
            name = getattr(settings, "connector_name", "")
            if "perpetual" not in name:  # as Hummingbot itself tells them apart
                continue
            connector = self.connectors[name]
            if hasattr(settings, "position_mode"):
                connector.set_position_mode(settings.position_mode)
            if hasattr(settings, "leverage") and hasattr(settings, "trading_pair"):
                connector.set_leverage(settings.trading_pair, settings.leverage)

    def on_tick(self) -> None:
        """Run the controllers, after looking at their switches."""
        super().on_tick()
        for controller in self.controllers.values():
            is_running = controller.status is RunnableStatus.RUNNING
            if controller.config.manual_kill_switch and is_running:
                self._stop(controller)
            elif not controller.config.manual_kill_switch and controller.status is RunnableStatus.TERMINATED:
                controller.start()

    def create_actions_proposal(self) -> list[CreateExecutorAction]:
        """Leave it to the controllers."""
        return []

    def stop_actions_proposal(self) -> list[StopExecutorAction]:
        """Leave it to the controllers."""
        return []

    def _stop(self, controller: ControllerBase) -> None:
        self.logger().info(f"The switch of controller {controller.config.id} is set: it is stopped.")
        controller.stop()
        for info in self.get_executors_by_controller(controller.config.id):
            if info.is_active:
                stop = StopExecutorAction(controller_id=controller.config.id, executor_id=info.id)
                self.executor_orchestrator.execute_action(stop)
