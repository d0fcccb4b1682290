"""For which wallet or API key a request is."""

import msgspec
from aiohttp import web
from msgspec import Struct

from tegro.wire import decode
from tegro_localnet.perpetual.gateway.fault_answers import PATHS as PERPETUAL_PATHS
from tegro_localnet.perpetual.gateway.parameters import KEY_HEADER


class _Body(Struct):
    """The members of any body that name a wallet (protocol 4.7 to 4.11)."""

    wallet_address: str = ""
    user_address: str = ""
    raw_order_data: str = ""


class _RawOrder(Struct):
    maker: str = ""


async def wallet_of(request: web.Request) -> str | None:
    """Read a request to its end; return the wallet that its path or body names, in lower case; None: it names none.

    On the perpetual paths, the API key stands for the wallet.
    """
    body = await request.read() if request.body_exists else b""
    if request.path.startswith(PERPETUAL_PATHS):
        return request.headers.get(KEY_HEADER, "").lower() or None
    wallet: str | None = request.match_info.get("wallet")
    if wallet is None and body:
        try:
            named = decode(body, _Body)
            wallet = (
                named.wallet_address or named.user_address or decode(named.raw_order_data.encode(), _RawOrder).maker
            )
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
    return wallet.lower() if wallet else None
