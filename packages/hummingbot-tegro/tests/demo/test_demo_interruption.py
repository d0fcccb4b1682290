"""The first signal breaks off the work, the second one ends everything."""

import asyncio
import os
import signal

import pytest

from hummingbot_tegro.demo.interruption import Interrupted, Interruption


async def forever(log):
    try:
        await asyncio.Event().wait()
    finally:
        log.append("cleaned up")


async def test_work_goes_through_without_a_signal():
    interruption = Interruption(lambda: None)
    with interruption.watching():
        assert await interruption.during(asyncio.sleep(0, "result")) == "result"
    assert interruption.exit_code == 0


async def test_an_error_of_the_work_passes():
    async def fail():
        raise ValueError("reason")

    with pytest.raises(ValueError, match="reason"):
        await Interruption(lambda: None).during(fail())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_first_signal_breaks_off_the_work(number, code):
    log = []
    interruption = Interruption(lambda: log.append("ended at once"))
    with interruption.watching():
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        with pytest.raises(Interrupted):
            await interruption.during(forever(log))
        assert log == ["cleaned up"]
        with pytest.raises(Interrupted):
            await interruption.during(forever([]))
    assert interruption.exit_code == code


async def test_the_second_signal_ends_everything():
    ended = asyncio.Event()
    interruption = Interruption(ended.set)
    with interruption.watching():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            await interruption.during(forever([]))
        assert not ended.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(ended.wait(), 5)
