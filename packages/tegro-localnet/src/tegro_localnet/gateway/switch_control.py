"""Localnet's own paths for its switches."""

from aiohttp import web
from msgspec import Struct
from msgspec.structs import asdict

from tegro_localnet.gateway.replies import answer
from tegro_localnet.parsing import read_body
from tegro_localnet.refusal import Refused
from tegro_localnet.switches import CHOICES, FIXED, SwitchBoard


class SwitchView(Struct, kw_only=True):
    """One switch of `GET /localnet/switches`."""

    name: str
    value: str
    choices: list[str]
    """The first is the default."""
    fixed: bool
    """Whether it can only be chosen at the start."""


class SwitchRoutes:
    """Reading and changing the switches."""

    def __init__(self, switches: SwitchBoard) -> None:
        self._switches = switches

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/localnet/switches", self._list),
            web.put("/localnet/switches", self._change),
        ]

    async def _list(self, _: web.Request) -> web.Response:
        return answer(self._views())

    async def _change(self, request: web.Request) -> web.Response:
        """Change the switches that an object names, all or none of them."""
        try:
            await self._switches.change(read_body(await request.read(), dict[str, str]))
        except ValueError as error:
            raise Refused(str(error)) from error
        return answer(self._views())

    def _views(self) -> list[SwitchView]:
        values = asdict(self._switches.now)
        return [
            SwitchView(name=name, value=values[name], choices=list(choices), fixed=name in FIXED)
            for name, choices in CHOICES.items()
        ]
