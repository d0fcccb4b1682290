"""Opens one long position and holds it, whatever happens; it is copied into `controllers/`."""

import pandas as pd
from hummingbot.strategy_v2.controllers.directional_trading_controller_base import (
    DirectionalTradingControllerBase,
    DirectionalTradingControllerConfigBase,
)


class PerpetualHolderConfig(DirectionalTradingControllerConfigBase):
    """All settings are the base's."""

    controller_name: str = "perpetual_holder"


class PerpetualHolder(DirectionalTradingControllerBase):
    """Has a signal to buy until it has bought."""

    async def update_processed_data(self) -> None:
        """Want a position as long as there never was one."""
        self.processed_data = {"signal": 0 if self.executors_info else 1, "features": pd.DataFrame()}
