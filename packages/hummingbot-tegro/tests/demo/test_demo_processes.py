"""The demo's child processes end when asked, when the block ends, and when the demo is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.processes import Children

LOOP = "import signal, time\n{}\nprint('ready', flush=True)\nwhile True: time.sleep(60)\n"


@pytest.fixture
def run_module(tmp_path):
    """Run a module with this text."""

    def run(children, text):
        (tmp_path / "some_module.py").write_text(text)
        return children.running(
            "the thing", ["some_module"], folder=tmp_path, log=tmp_path / "log", variables=dict(os.environ)
        )

    return run


async def until(condition, timeout_secs=10.0):
    async with asyncio.timeout(timeout_secs):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_child_ends_when_asked(run_module):
    with run_module(Children(), LOOP.format("")) as child:
        await until(lambda: "ready" in child.log.read_text())
        assert child.is_running
        assert await child.stop(10)
        assert not child.is_running


async def test_a_child_that_does_not_listen_ends_with_the_block(run_module):
    with run_module(Children(), LOOP.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")) as child:
        await until(lambda: "ready" in child.log.read_text())
        assert not await child.stop(0.2)
    assert not child.is_running


async def test_all_children_can_be_ended_at_once(run_module):
    children = Children()
    with run_module(children, LOOP.format("")) as child:
        children.kill_all()
        assert not child.is_running


async def test_a_child_that_ends_by_itself_is_told_with_its_last_words(run_module):
    with run_module(Children(), "print('first'); raise SystemExit('the reason')") as child:
        await until(lambda: not child.is_running)
        with pytest.raises(DemoFailure, match=r"the thing ended by itself \(the reason\)"):
            child.require_running()


async def test_a_command_is_run_with_what_it_reads(tmp_path):
    arguments = ["-c", "import sys; print(sys.stdin.read().upper())"]
    log = tmp_path / "log"
    await Children().run_once(
        "a command", arguments, given=b"some text", folder=tmp_path, log=log, variables=dict(os.environ)
    )
    assert log.read_text() == "SOME TEXT\n"


async def test_a_command_that_fails_is_told(tmp_path):
    with pytest.raises(DemoFailure, match=r"a command ended by itself \(no good\)"):
        await Children().run_once(
            "a command",
            ["-c", "raise SystemExit('no good')"],
            given=b"",
            folder=tmp_path,
            log=tmp_path / "log",
            variables=dict(os.environ),
        )


def test_a_child_dies_with_a_demo_that_is_killed(tmp_path):
    (tmp_path / "some_module.py").write_text("import os\n" + LOOP.format("print(os.getpid(), flush=True)"))
    script = f"""
import os, pathlib, time
from hummingbot_tegro.demo.processes import Children
folder = pathlib.Path({str(tmp_path)!r})
with Children().running("x", ["some_module"], folder=folder, log=folder / "log", variables=dict(os.environ)):
    time.sleep(60)
"""
    demo = subprocess.Popen([sys.executable, "-c", script])
    try:
        log = tmp_path / "log"
        deadline = time.monotonic() + 20
        while not log.exists() or "ready" not in log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child = int(log.read_text().split()[0])
        assert is_alive(child)
        demo.send_signal(signal.SIGKILL)
        demo.wait(10)
        while is_alive(child):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        demo.kill()
        demo.wait(10)
