"""Asks a running localnet over its own paths, for the commands."""

from typing import Any, Final

from tegro_localnet.config import DEFAULT_PORT
from tegro_localnet.errors import LocalnetError

DEFAULT_URL: Final = f"http://127.0.0.1:{DEFAULT_PORT}"


async def ask(url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Send one request to a localnet and return its parsed answer.

    Raises
    ------
    LocalnetError
        If none answers there, or it refuses; with its own sentence then.
    """
    import aiohttp

    root = url.rstrip("/")
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{root}/localnet/{path}", json=body) as response,
        ):
            reply = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise LocalnetError(f"no localnet answers at {root}: start one with 'tegro localnet' ({error})") from error
    if response.status != 200:
        raise LocalnetError(str(reply.get("error", reply)) if isinstance(reply, dict) else str(reply))
    return reply
