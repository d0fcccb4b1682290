"""What the checks share: requests to the venue, the rows they start from, and the chain's node.

Everything here only reads. Rows that several checks need are asked for once.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import aiohttp
import msgspec
from msgspec import Raw

from tegro import convert, wire
from tegro.eip712 import parse_address
from tegro.errors import NotConnected
from tegro.evm import EvmNode
from tegro.keccak import keccak256
from tegro.model import Market
from tegro.settings import Environment
from tegro.transport import Lost, ReadPolicy, Reply, Timeouts, Transport
from tegro.verify.json_form import kind_of, members_of, rows_of, unwrapped
from tegro.verify.report import Differs, NotChecked

CHAIN_LIST: Final = "v1/exchange/chain/list"
DEPTH: Final = "v1/orderbook/depth"
ORDERS: Final = "v1/trading/market/orders"

MARKET_QUERY: Final[Mapping[str, str]] = {
    "page": "1",
    "page_size": "20",
    "sort_order": "desc",
    "sort_by": "volume",
    "verified": "true",
}
"""What Hummingbot's connector asked for: the only form that is known to have run (protocol 4.2)."""

UNUSED_WALLET: Final = "0x" + keccak256(b"a wallet that tegro verify asks about and nobody uses")[-20:].hex()
"""An address whose key nobody has."""

UNREADABLE: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What reading a body that fits no known form raises."""


class Probe:
    """Reads from one venue and from a node of its chain.

    Parameters
    ----------
    environment
        The venue and the chain.
    session
        Used, never closed.
    request_secs
        How long one request may take.
    listen_secs
        How long to wait for events on the stream.
    """

    def __init__(
        self, environment: Environment, session: aiohttp.ClientSession, *, request_secs: float, listen_secs: float
    ) -> None:
        self.environment = environment
        self.session = session
        self.listen_secs = listen_secs
        self._transport = Transport(
            environment.rest_url,
            session,
            headers=environment.headers,
            reads=ReadPolicy(tries=1),
            timeouts=Timeouts(connect_secs=request_secs, total_secs=request_secs),
            sleep=asyncio.sleep,
            rng=random.Random(),  # noqa: S311  jitter of waits that a single try never has
        )
        self._node: EvmNode | None = None
        self._replies: dict[str, Reply | Lost] = {}

    async def aclose(self) -> None:
        """Close the connections to the node."""
        if self._node is not None:
            await self._node.aclose()

    async def greet(self) -> None:
        """Ask for the chain list, so that a host which is not there is told about once.

        Raises
        ------
        NotConnected
            If no answer came.
        """
        answer = await self._once(CHAIN_LIST, {})
        if isinstance(answer, Lost):
            raise NotConnected(answer.cause)

    @property
    def chain_id(self) -> int:
        """The chain that the checks are about."""
        return self.environment.chain_id

    @property
    def market_list(self) -> str:
        """Path of the market list."""
        return f"v1/exchange/{self.chain_id}/market/list"

    def node(self) -> EvmNode:
        """Return the chain's node; it refuses to answer for another chain.

        Raises
        ------
        NotChecked
            If no `rpc_url` is known.
        """
        if not self.environment.rpc_url:
            raise NotChecked("no rpc_url is set for this environment")
        if self._node is None:
            self._node = EvmNode(self.environment.rpc_url, self.chain_id)
        return self._node

    async def ask(self, path: str, query: Mapping[str, str] | None = None) -> Reply | Lost:
        """Send one GET."""
        return await self._transport.get_once(path, query or {})

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Return the body of a successful answer.

        Raises
        ------
        Differs
            If the venue refuses what it should answer.
        NotChecked
            If there was no answer, or one that is about the moment.
        """
        return _body_of(await self.ask(path, query))

    async def post(self, path: str, body: bytes) -> bytes:
        """Return the body of a successful answer to a question that is put as a POST; errors as in `get`."""
        return _body_of(await self._transport.post(path, body))

    async def chain_list(self) -> bytes:
        """Return the body of the chain list, asked for once."""
        return _body_of(await self._once(CHAIN_LIST, {}))

    async def listed_chain(self) -> dict[str, Raw] | None:
        """Return the row of our chain; None where it is not listed."""
        body = await _needed(self.chain_list, "the chain list could not be read (V01)")
        for row in _rows(body, "the chain list could not be read (V01)"):
            if "id" in row and wire.text_of(row["id"]) == str(self.chain_id):
                return row
        return None

    async def our_chain(self) -> dict[str, Raw]:
        """Return the row of our chain, for checks that are not about whether it is listed."""
        row = await self.listed_chain()
        if row is None:
            raise NotChecked(f"chain {self.chain_id} is not in the chain list (V02)")
        return row

    async def exchange_contract(self) -> str:
        """Return the address of our chain's contract, for checks that are not about that address."""
        try:
            return parse_address(wire.text_of((await self.our_chain())["exchange_contract"]))
        except (KeyError, ValueError):
            raise NotChecked("exchange_contract is no address (V03)") from None

    async def market_rows(self) -> bytes:
        """Return the body of the first page of markets, asked for once."""
        return _body_of(await self._once(self.market_list, MARKET_QUERY))

    async def markets(self) -> list[Market]:
        """Return the markets that can be read, at least one, for checks that are not about the list itself."""
        found = []
        body = await _needed(self.market_rows, "the market list could not be read (V06)")
        for row in _rows(body, "the market list could not be read (V06)"):
            try:
                found.append(market_of(row, self.chain_id))
            except UNREADABLE:
                continue
        if not found:
            raise NotChecked("the market list has no market that can be read (V06)")
        return found

    async def market(self) -> Market:
        """Return the first market of the list."""
        return (await self.markets())[0]

    async def _once(self, path: str, query: Mapping[str, str]) -> Reply | Lost:
        if path not in self._replies:
            self._replies[path] = await self.ask(path, query)
        return self._replies[path]


def market_of(row: Mapping[str, Raw], chain_id: int) -> Market:
    """Read a market as the client does.

    Raises
    ------
    msgspec.DecodeError, ValueError
        If it cannot be read.
    """
    return convert.market_of(wire.decode(msgspec.json.encode(row), wire.MarketInfo), chain_id)


def _body_of(answer: Reply | Lost) -> bytes:
    if isinstance(answer, Lost):
        raise NotChecked(answer.cause)
    if answer.is_success:
        return answer.body
    told = f"HTTP {answer.status}: {answer.text}"
    if answer.is_definite_refusal or answer.status < 400:
        raise Differs(told)
    raise NotChecked(told)


async def _needed(read: Callable[[], Awaitable[bytes]], why: str) -> bytes:
    """Read what another check is about: its trouble is not ours."""
    try:
        return await read()
    except Differs:
        raise NotChecked(why) from None


def _rows(body: bytes, why: str) -> list[dict[str, Raw]]:
    """Return the objects of a list, also where it lies in the old envelope, so that one surprise hides no other."""
    try:
        rows = rows_of(unwrapped(body))
    except UNREADABLE:
        raise NotChecked(why) from None
    return [members_of(row) for row in rows if kind_of(row) == "object"]
