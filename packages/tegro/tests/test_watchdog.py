"""The heartbeat and the process that acts when it stops."""

import asyncio
from collections import deque

import pytest

from tegro.errors import InvalidInput, NotConnected
from tegro.watchdog import RETRY_SECS, Heartbeat, Watchdog


class Clock:
    """Time that passes only in `sleep`; a plan says what happens at each sleep."""

    def __init__(self, *steps):
        self.now_secs = 1000.0
        self.slept = []
        self._steps = deque(steps)

    def monotonic_secs(self):
        return self.now_secs

    async def sleep(self, delay_secs):
        self.slept.append(delay_secs)
        self.now_secs += delay_secs
        if not self._steps:
            raise asyncio.CancelledError
        step = self._steps.popleft()
        if step is not None:
            step()


class Cancels:
    """Answers of `cancel_all`, the last one repeated."""

    def __init__(self, *answers):
        self.count = 0
        self._answers = deque(answers)

    async def __call__(self):
        self.count += 1
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "heartbeat"


@pytest.fixture
def heart(path):
    return Heartbeat(path)


async def run(path, clock, cancels, timeout_secs=10.0):
    """Watch until the plan of the clock is over; return the silences."""
    watchdog = Watchdog(
        path, cancels, timeout_secs=timeout_secs, monotonic_secs=clock.monotonic_secs, sleep=clock.sleep
    )
    silences = []

    async def collect():
        async for silence in watchdog.watch():
            silences.append(silence)  # noqa: PERF401  what came before the end is wanted

    with pytest.raises(asyncio.CancelledError):
        await collect()
    return silences


async def test_a_bot_that_beats_is_left_alone(path, heart):
    clock, cancels = Clock(*[heart.beat] * 30), Cancels(True)
    assert await run(path, clock, cancels) == []
    assert cancels.count == 0


async def test_a_silent_bot_has_its_orders_cancelled_once(path, heart):
    clock, cancels = Clock(heart.beat, heart.beat, *[None] * 20), Cancels(True)
    (silence,) = await run(path, clock, cancels)
    assert (silence.silent_secs, silence.attempts, cancels.count) == (10.0, 1, 1)


async def test_a_bot_that_comes_back_is_watched_again(path, heart):
    clock, cancels = Clock(heart.beat, *[None] * 8, heart.beat, *[None] * 8), Cancels(True)
    assert len(await run(path, clock, cancels)) == 2


async def test_a_heart_that_has_never_been_seen_to_beat_is_no_silence(path, heart):
    heart.beat()  # left by a bot of yesterday
    clock, cancels = Clock(*[None] * 20), Cancels(True)
    assert await run(path, clock, cancels) == []


async def test_a_bot_that_ends_in_good_order_is_no_silence(path, heart):
    clock, cancels = Clock(heart.beat, heart.beat, path.unlink, *[None] * 20), Cancels(True)
    assert await run(path, clock, cancels) == []


async def test_it_does_not_rest_before_nothing_is_open(path, heart):
    clock, cancels = Clock(heart.beat, *[None] * 20), Cancels(NotConnected("no route"), False, True)
    (silence,) = await run(path, clock, cancels)
    assert (silence.attempts, cancels.count) == (3, 3)
    assert clock.slept.count(RETRY_SECS) == 2


async def test_the_heart_beats_in_the_loop_of_the_bot_and_stops_with_it(path, heart):
    beats = []
    may_end = asyncio.Event()

    async def sleep(delay_secs):
        beats.append((delay_secs, path.read_text()))
        if len(beats) == 3:
            may_end.set()
            await asyncio.Event().wait()

    async with heart.beating(every_secs=0.5, sleep=sleep):
        await may_end.wait()
    assert [delay for delay, _ in beats] == [0.5] * 3
    assert len({text for _, text in beats}) == 3
    assert not path.exists()


async def test_a_beat_that_fails_is_said_at_the_start_and_logged_later(tmp_path, caplog):
    folder = tmp_path / "folder"
    folder.mkdir()
    heart = Heartbeat(folder / "heartbeat")
    failed = asyncio.Event()

    async def sleep(_delay_secs):
        if caplog.text:
            failed.set()
            await asyncio.Event().wait()
        (folder / "heartbeat").unlink()
        folder.rmdir()

    async with heart.beating(sleep=sleep):
        await failed.wait()
    assert "the watchdog will take this bot for dead" in caplog.text
    with pytest.raises(InvalidInput, match="cannot be written: No such file"):
        heart.beat()


@pytest.mark.parametrize("timeout_secs", [0.0, -1.0])
def test_a_timeout_that_cannot_work_is_refused(path, timeout_secs):
    with pytest.raises(InvalidInput, match="must be above zero"):
        Watchdog(path, Cancels(True), timeout_secs=timeout_secs, monotonic_secs=Clock().monotonic_secs)
