"""The program `tegro`, run as a program against localnet."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import tegro as tegro_package

MODULE = [sys.executable, "-c", "from tegro.cli.main import main; main()"]
COMMANDS = {
    *("markets", "book", "trades", "candles", "balances", "orders", "fills", "order", "allowance", "wallet"),
    *("panic", "verify", "doctor", "pins", "watchdog"),
}
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


@pytest.fixture
def clean_env(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEGRO_")}
    return kept | {"TEGRO_HOME": str(tmp_path / "home"), "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def tegro(clean_env, tmp_path):
    """Run the program; return exit code, standard output and standard error."""

    def run(*arguments, path=None, **env):
        extra = {"PYTHONPATH": str(path)} if path else {}
        done = subprocess.run(
            [*MODULE, *arguments],
            env=clean_env | extra | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def on_localnet(tegro, localnet):
    """Run the program against localnet."""

    def run(*arguments, wallet=None, **env):
        variables = {"TEGRO_LOCALNET_REST_URL": localnet.rest_url, "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url}
        key = {"TEGRO_PRIVATE_KEY": wallet.key} if wallet else {}
        return tegro(*arguments, "--env", "localnet", **variables, **key, **env)

    return run


@pytest.fixture
def plug_in(tmp_path):
    """Install a sibling package that offers one command."""

    def install(name, code):
        info = tmp_path / "site" / f"{name}_plugin-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tegro.commands]\n{name} = {name}_plugin:app\n")
        (tmp_path / "site" / f"{name}_plugin.py").write_text(code)
        return tmp_path / "site"

    return install


def test_version(tegro):
    assert tegro("--version") == (0, "0.1.0\n", "")


def test_help_lists_the_commands(tegro):
    code, out, _ = tegro("--help")
    assert code == 0
    assert {line.split()[1] for line in out.splitlines() if line.startswith("│ ")} >= COMMANDS
    assert "3 the fate of an order or a cancel is not known" in out


def test_a_command_that_does_not_exist_is_wrong_input(tegro):
    code, _, err = tegro("bogus")
    assert code == 2
    assert "No such command 'bogus'" in err


def test_markets_and_book_without_a_key(on_localnet):
    code, out, _ = on_localnet("markets")
    assert code == 0
    assert "WETH_USDC" in out
    code, out, _ = on_localnet("markets", "--json")
    assert {market["symbol"] for market in json.loads(out)} == {"WETH_USDC", "WBTC_USDC", "TEGRO_USDC"}
    code, out, _ = on_localnet("book", "WBTC_USDC", "--json")
    assert json.loads(out)["symbol"] == "WBTC_USDC"


def test_an_order_from_approval_to_cancel(on_localnet, localnet):
    wallet = localnet.new_wallet(approve=False)
    place = ("order", "place", "WETH_USDC", "buy", "0.5", "2000.25", "--yes")
    code, out, err = on_localnet(*place, wallet=wallet)
    assert (code, out) == (1, "")
    assert "allow it with: tegro allowance USDC --cap 1000.125" in err
    code, out, _ = on_localnet("allowance", "USDC", "--cap", "2000", "--yes", wallet=wallet)
    assert code == 0
    assert "approved 2000 USDC in 0x" in out
    assert "nothing to do" in on_localnet("allowance", "USDC", "--cap", "2000", wallet=wallet)[1]
    (state,) = json.loads(on_localnet("allowance", "USDC", "--json", wallet=wallet)[1])
    assert state["allowance_wei"] == "2000000000"
    code, out, _ = on_localnet(*place, "--json", wallet=wallet)
    assert code == 0
    order_id = json.loads(out)["order_id"]
    (shown,) = json.loads(on_localnet("orders", "--json", "--status", "active", wallet=wallet)[1])
    assert (shown["order_id"], shown["price"], shown["quantity"]) == (order_id, "2000.25", "0.5")
    assert order_id in on_localnet("orders", "--wallet", wallet.address)[1]
    code, out, _ = on_localnet("book", "WETH_USDC")
    assert "2000.25" in out
    assert "1000.125" in on_localnet("balances", wallet=wallet)[1]
    code, out, _ = on_localnet("order", "cancel", order_id, "--yes", wallet=wallet)
    assert (code, out) == (0, f"cancelled: {order_id}\n")
    assert on_localnet("order", "cancel", order_id, "--yes", wallet=wallet)[0] == 1
    assert on_localnet("order", "cancel", "--all", "--yes", wallet=wallet)[1] == "cancelled: nothing\n"


def test_a_signed_order_is_kept_in_the_journal_of_the_home(on_localnet, localnet, tmp_path):
    wallet = localnet.new_wallet()
    on_localnet("order", "place", "WETH_USDC", "buy", "0.5", "2000", "--yes", wallet=wallet)
    content = b"".join(path.read_bytes() for path in (tmp_path / "home").iterdir())
    assert wallet.address.encode() in content.lower()
    assert wallet.key_bytes not in content
    assert wallet.key[2:].encode() not in content


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("order", "place", "WETH_USDC", "buy", "x", "1", "--yes"),
            "quantity must be a plain number such as 0.5, was 'x'",
        ),
        (("order", "place", "WETH_USDC", "buy", "1_000", "1", "--yes"), "quantity must be a plain number such as 0.5"),
        (("order", "market", "WETH_USDC", "buy", "\uff11", "--yes"), "quantity must be a plain number such as 0.5"),
        (("order", "place", "WETH_USDC", "buy", "1", "2.001", "--yes"), "multiple of the tick size 0.01"),
        (("order", "cancel"), "give order ids to cancel, or --all"),
        (("order", "cancel", "1", "--all"), "give order ids to cancel, or --all"),
        (("book", "NO_SUCH"), "there is no market 'NO_SUCH' on localnet"),
        (("allowance", "--cap", "1"), "--cap is for one token: name it"),
        (("allowance", "NOPE"), "0 tokens of the markets have the symbol 'NOPE'"),
        (("balances", "--wallet", "0x12"), "0x12"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(on_localnet, localnet, arguments, sentence):
    code, out, err = on_localnet(*arguments, wallet=localnet.new_wallet())
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_missing_key_names_the_variable(on_localnet):
    code, _, err = on_localnet("order", "cancel", "--all")
    assert code == 2
    assert "TEGRO_PRIVATE_KEY" in err


def test_a_malformed_key_is_not_repeated(on_localnet):
    code, out, err = on_localnet("balances", TEGRO_PRIVATE_KEY=KEY + "9")
    assert code == 2
    assert KEY[2:20] not in out + err


def test_a_venue_that_is_not_there_is_exit_code_1(tegro):
    code, _, err = tegro("markets", "--env", "localnet", TEGRO_LOCALNET_REST_URL="http://127.0.0.1:9")
    assert code == 1
    assert err == "tegro: no connection to http://127.0.0.1:9: Connection refused\n"


def test_a_settings_file_is_found_and_a_missing_one_is_named(tegro, tmp_path):
    (tmp_path / "tegro.toml").write_text("[nonsense]\n")
    code, _, err = tegro("markets")
    assert code == 2
    assert "tegro.toml: unknown table [nonsense]" in err
    code, _, err = tegro("markets", TEGRO_SETTINGS="/nowhere/tegro.toml")
    assert code == 2
    assert "/nowhere/tegro.toml, which is not there" in err


def test_a_command_of_a_package_that_is_missing_names_the_package(clean_env, tmp_path):
    # Everything that is installed here, but the siblings.
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("tegro_localnet", "hummingbot_tegro")):
            (tmp_path / entry.name).symlink_to(entry)
    source = Path(tegro_package.__file__).parents[1]
    env = clean_env | {"PYTHONPATH": f"{tmp_path}:{source}"}
    for command, package in (
        ("localnet", "tegro-localnet"),
        ("hummingbot", "hummingbot-tegro"),
        ("demo", "hummingbot-tegro"),
    ):
        program = [sys.executable, "-S", *MODULE[1:], command]
        done = subprocess.run(program, env=env, capture_output=True, text=True, timeout=60, check=False)
        sentence = f"'tegro {command}' comes with the package {package}: pip install {package}\n"
        assert (done.returncode, done.stderr) == (2, sentence)


def test_a_sibling_adds_its_commands(tegro, plug_in):
    path = plug_in("greet", "import typer\napp = typer.Typer()\n@app.command()\ndef hello():\n    typer.echo('hi')\n")
    assert tegro("greet", "hello", path=path) == (0, "hi\n", "")
    assert "greet" in tegro("--help", path=path)[1]


@pytest.mark.parametrize("code", ["import no_such_module", "raise ValueError('torn')", "app = 1"])
def test_a_broken_sibling_is_named_and_the_rest_goes_on(tegro, plug_in, code):
    path = plug_in("torn", code)
    exit_code, _, err = tegro("torn", path=path)
    assert exit_code == 1
    assert "'tegro torn' cannot be loaded" in err
    assert "pip install --force-reinstall torn-plugin" in err
    exit_code, out, err = tegro("--help", path=path)
    assert (exit_code, err.count("'tegro torn' cannot be loaded")) == (0, 1)
    assert "markets" in out
    assert tegro("--version", path=path) == (0, "0.1.0\n", "")


def test_a_siblings_error_is_one_sentence_too(tegro, plug_in):
    code = "import typer\nfrom tegro.errors import Refused\napp = typer.Typer()\n@app.command()\n"
    path = plug_in("no", code + "def no():\n    raise Refused('the venue said no', status=400)\n")
    assert tegro("no", "no", path=path) == (1, "", "tegro: the venue said no\n")


def test_an_interrupt_ends_with_130(clean_env, tmp_path, plug_in):
    code = "import asyncio, typer\napp = typer.Typer()\nasync def task():\n    print('ready', flush=True)\n"
    code += "    await asyncio.sleep(60)\n@app.command()\ndef wait():\n    asyncio.run(task())\n"
    env = clean_env | {"PYTHONPATH": str(plug_in("wait", code))}
    process = subprocess.Popen(
        [*MODULE, "wait", "wait"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
