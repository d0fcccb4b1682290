"""Whether a venue behaves as this project believes: reads only, no key, nothing signed or sent.

Every check stands alone: what one of them meets hides no other. They run one after another, a few requests each.
"""

import asyncio
import time

import aiohttp
from msgspec import Struct

from tegro.errors import ChainFailure, NotConnected
from tegro.settings import Environment
from tegro.verify.checks import CHECKS, Check
from tegro.verify.probe import UNREADABLE, Probe
from tegro.verify.report import Differs, Finding, NotChecked, Report, Result, printable

__all__ = ["Finding", "Limits", "Report", "Result", "verify"]


class Limits(Struct, frozen=True, kw_only=True):
    """How long things may take."""

    request_secs: float = 4.0
    check_secs: float = 8.0
    listen_secs: float = 3.0
    """How long the stream is listened to; its silence is no difference."""
    total_secs: float = 55.0


async def verify(
    environment: Environment, *, session: aiohttp.ClientSession | None = None, limits: Limits | None = None
) -> Report:
    """Look at every fact and return what was found. May be repeated.

    Parameters
    ----------
    environment
        The venue and the chain. Without `rpc_url`, what only the chain can tell is not checked.
    session
        Used, never closed. None makes one for the time of the call.
    limits
        Time limits; None means the defaults.

    Raises
    ------
    NotConnected
        If the venue's REST host gives no answer at all.
    """
    limits = limits or Limits()
    if session is None:
        async with aiohttp.ClientSession() as own:
            return await verify(environment, session=own, limits=limits)
    deadline_secs = time.monotonic() + limits.total_secs
    probe = Probe(environment, session, request_secs=limits.request_secs, listen_secs=limits.listen_secs)
    try:
        await probe.greet()
        findings = []
        for check in CHECKS:
            left_secs = deadline_secs - time.monotonic()
            findings.append(await _finding(check, probe, min(limits.check_secs, left_secs)))
    finally:
        await probe.aclose()
    return Report(
        environment=environment.name,
        chain=environment.chain,
        chain_id=environment.chain_id,
        rest_url=environment.rest_url,
        findings=tuple(findings),
    )


async def _finding(check: Check, probe: Probe, limit_secs: float) -> Finding:
    if limit_secs <= 0:
        result, note = Result.NOT_CHECKED, "the time for all checks ran out"
    else:
        result, note = await _look(check, probe, limit_secs)
    return Finding(number=check.number, fact=check.fact, section=check.section, result=result, note=printable(note))


async def _look(check: Check, probe: Probe, limit_secs: float) -> tuple[Result, str]:
    try:
        async with asyncio.timeout(limit_secs):
            return Result.HOLDS, await check.look(probe)
    except Differs as seen:
        return Result.DIFFERS, str(seen)
    except UNREADABLE as error:
        return Result.DIFFERS, f"the answer cannot be read: {error}"
    except (NotChecked, NotConnected, ChainFailure) as reason:
        return Result.NOT_CHECKED, str(reason)
    except TimeoutError:
        return Result.NOT_CHECKED, f"no answer within {limit_secs:.0f} s"
