"""`tegro hummingbot` as a user runs it: real processes, a real terminal."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from hummingbot_tegro.home import create_home

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot")
DEADLINE_SECS = 60.0


class Terminal:
    """A process on a pseudo terminal."""

    def __init__(self, command, cwd, env):
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env | {"TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = b""

    def wait_for(self, text):
        deadline = time.monotonic() + DEADLINE_SECS
        while text.encode() not in self.shown:
            assert time.monotonic() < deadline, self.shown[-2000:]
            if not self._read():
                raise AssertionError(self.shown[-2000:])
        self.shown = b""

    def type(self, keys):
        os.write(self._master, keys.encode())

    def exit_code(self):
        while self._read():
            pass
        return self.process.wait(DEADLINE_SECS)

    def close(self):
        os.close(self._master)
        self.process.kill()
        self.process.wait()

    def _read(self):
        ready, _, _ = select.select([self._master], [], [], DEADLINE_SECS)
        assert ready, self.shown[-2000:]
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            return False
        self.shown += chunk
        return bool(chunk)


@pytest.fixture
def terminal():
    opened = []

    def open_terminal(layout, *arguments):
        opened.append(Terminal([layout.python, *TEGRO, *arguments], layout.cwd, layout.env))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


def test_init_makes_the_users_own_home_and_may_be_repeated(installed_layout):
    home = f"{installed_layout.env['HOME']}/.tegro/hummingbot"
    first = installed_layout.run(*TEGRO, "init")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == f"made {home}"
    assert first.stdout.splitlines()[-1] == f"The home folder {home} is ready. Next: tegro hummingbot tui"
    second = installed_layout.run(*TEGRO, "init")
    assert second.stdout.splitlines() == first.stdout.splitlines()[-1:]


def test_init_names_another_home_in_the_next_command(installed_layout, tmp_path):
    result = installed_layout.run(*TEGRO, "init", tmp_path / "[b]home")
    assert result.stdout.endswith(f"Next: tegro hummingbot tui --home {tmp_path}/[b]home\n")


def test_the_command_line_of_an_installed_hummingbot_runs_in_the_home_folder(installed_layout, home):
    result = installed_layout.run(*TEGRO, "cli", "--home", home, "--", "connect", "--all")
    assert result.returncode == 0, result.stderr
    assert {"tegro", "tegro_testnet", "tegro_localnet", "binance"} <= set(result.stdout.split())
    keys = installed_layout.run(*TEGRO, "cli", "connect", HUMMINGBOT_TEGRO_HOME=str(home))
    assert "No connectors connected" in keys.stdout
    assert (home / "conf" / "conf_client.yml").is_file()


def test_the_exit_code_is_the_hosts_own(small_host, home):
    result = small_host.run(*TEGRO, "cli", "--home", home, "--", "start", "absent.yml")
    stock = small_host.run("-m", "hummingbot.cli.main", "start", "absent.yml")
    assert (result.returncode, result.stderr) == (stock.returncode, stock.stderr)
    assert result.returncode == 2


def test_a_source_clone_in_the_working_folder_is_used_as_it_is(source_layout):
    # -P keeps the working folder out of the path, as it is for the program `tegro`.
    result = source_layout.run("-P", *TEGRO, "cli", "--", "connect")
    assert "No connectors connected" in result.stdout, result.stderr
    assert (source_layout.cwd / "conf" / "conf_client.yml").is_file()


@pytest.mark.parametrize("command", ["tui", "cli"])
def test_without_hummingbot_one_sentence_says_what_to_install(small_host, tmp_path, command):
    result = small_host.run(*TEGRO, command, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "tegro: Hummingbot is not installed in this Python: pip install 'hummingbot==20260922', "
        "or run this in the folder of a Hummingbot source clone\n"
    )


def test_a_folder_that_is_no_home_is_one_sentence(installed_layout, tmp_path):
    result = installed_layout.run(*TEGRO, "tui", "--home", tmp_path)
    assert result.returncode == 2
    assert result.stderr == (
        f"tegro: {tmp_path} is no home folder of Hummingbot (certs is missing): tegro hummingbot init {tmp_path}\n"
    )


def test_the_doctor_names_each_mend_and_fails_only_on_errors(small_host, home):
    well = small_host.run(*TEGRO, "doctor", "--home", home)
    assert (well.returncode, well.stderr) == (0, "")
    (home / "conf" / "connectors" / "tegro_moon.yml").touch()
    ill = small_host.run(*TEGRO, "doctor", "--home", home)
    assert ill.returncode == 1
    assert f"mend: move {home}/conf/connectors/tegro_moon.yml to {home}/conf/removed: tegro" in ill.stdout


def test_the_client_starts_on_the_terminal_and_leaves_when_its_user_cancels(source_layout, home, terminal):
    screen = terminal(source_layout, "tui", "--home", str(home))
    for text in ("Welcome to Hummingbot", "PLEASE READ THIS", "SET A SECURE PASSWORD"):
        screen.wait_for(text)
        screen.type("\r")
    screen.wait_for("Enter your new password")
    screen.type("\t\t\r")
    assert screen.exit_code() == 0
    assert not (home / "conf" / ".password_verification").exists()


def test_ctrl_c_while_the_client_loads_ends_it_without_a_traceback(source_layout, home, terminal):
    loading = source_layout.cwd / "hummingbot" / "client" / "ui" / "__init__.py"
    loading.write_text("import signal\nprint('loading the screen', flush=True)\nsignal.pause()\n")
    screen = terminal(source_layout, "tui", "--home", str(home))
    screen.wait_for("loading the screen")
    screen.process.send_signal(signal.SIGINT)
    assert screen.exit_code() == 130
    assert b"Traceback" not in screen.shown
