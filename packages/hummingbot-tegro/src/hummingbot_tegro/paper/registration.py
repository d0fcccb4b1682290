"""Our paper exchanges among the connectors that Hummingbot knows."""

from typing import Any

from hummingbot.client.settings import AllConnectorSettings, ConnectorSetting

from hummingbot_tegro.paper.naming import SUFFIX


class PaperConnectorSetting(ConnectorSetting):
    """What Hummingbot keeps of one of our paper exchanges.

    Stock's own entry would have the keys of the real connector: `connect` would ask for them and write them to the real
    connector's file. And it would look for a class that there is not.
    """

    __slots__ = ()

    def module_path(self) -> str:
        """Return where the class is."""
        return "hummingbot_tegro.paper.exchange"

    def class_name(self) -> str:
        """Return the name of the class."""
        return "TegroPaperTradeExchange"

    def conn_init_parameters(self, *arguments: Any, **keywords: Any) -> dict[str, Any]:  # noqa: ANN401  (handed on)
        """Return what the class is made with: keys never, and whose market it is."""
        parameters: dict[str, Any] = super().conn_init_parameters(*arguments, **(keywords | {"api_keys": {}}))
        return parameters | {"domain": self.parent_name}


def register_paper(domain: str) -> None:
    """Let Hummingbot know the paper exchange of a domain, if it knows the domain. May be repeated."""
    known = AllConnectorSettings.get_connector_settings()
    base = known.get(domain)
    if base is None:
        return
    ours = {"name": domain + SUFFIX, "parent_name": domain, "config_keys": None}
    no_domain = {"is_sub_domain": False, "domain_parameter": None}
    known[domain + SUFFIX] = PaperConnectorSetting(**(base._asdict() | ours | no_domain))


def register_candles(domain: str) -> None:
    """Let a controller ask for the candles of the paper exchange that it trades on. May be repeated."""
    from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory

    from hummingbot_tegro.candles import FEEDS

    CandlesFactory._candles_map.setdefault(domain + SUFFIX, FEEDS[domain])  # noqa: SLF001  it has no door
