"""What `init` lays out: nothing of the user's is lost, and Hummingbot can load all of it."""

import importlib.util
import inspect
import sys
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase
from hummingbot.strategy_v2.controllers.controller_base import ControllerBase, ControllerConfigBase
from pydantic import ValidationError

from hummingbot_tegro.home import create_home
from hummingbot_tegro.init_files import lay_out
from tegro.errors import InvalidInput

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot", "init")


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    lay_out(tmp_path / "home")
    return tmp_path / "home"


def load(path):
    """Load a file as Hummingbot does: by its path in the home folder."""
    spec = importlib.util.spec_from_file_location(f"laid_out_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def config_of(home, name):
    """Return the settings of a controller as its class takes them."""
    values = yaml.safe_load((home / "conf" / "controllers" / f"{name}.yml").read_text())
    module = load(home / "controllers" / values["controller_type"] / f"{values['controller_name']}.py")
    [config_class] = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, ControllerConfigBase) and member.__module__ == module.__name__
    )
    return config_class, values


def controllers(home):
    return sorted(path.stem for path in (home / "conf" / "controllers").iterdir())


def test_every_settings_file_fits_to_its_controller_and_names_every_default(home):
    assert controllers(home) == ["tegro_market_maker", "tegro_trend", "tegro_xemm"]
    for name in controllers(home):
        config_class, values = config_of(home, name)
        config = config_class(**values)
        assert config.id == name
        assert issubclass(config.get_controller_class(), ControllerBase)
        # What the file shows is what applies without it.
        bare = config_class(id=name)
        assert config == bare, name
        assert config.update_markets(_Markets()).asked


class _Markets:
    def __init__(self):
        self.asked = []

    def add_or_update(self, *market):
        self.asked.append(market)
        return self


def test_every_start_file_names_a_script_and_a_controller_that_are_there(home):
    starts = sorted((home / "conf" / "scripts").iterdir())
    assert {f"tegro_{path.stem.removeprefix('run_')}" for path in starts} == set(controllers(home))
    for start in starts:
        values = yaml.safe_load(start.read_text())
        module = load(home / "scripts" / values["script_file_name"])
        assert issubclass(module.TegroControllers, StrategyV2Base)
        assert issubclass(module.TegroControllersConfig, StrategyV2ConfigBase)
        assert values["controllers_config"] == [start.name.replace("run_", "tegro_")]
        # Hummingbot's command line would ask which of two files of one name is meant.
        assert not (home / "conf" / "controllers" / start.name).exists()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("tegro_trend", {"fast_span": 21}, "fast_span must be below slow_span, were 21 and 21"),
        ("tegro_xemm", {"taker_trading_pair": "WBTC-USDC"}, "are not interchangeable"),
        ("tegro_xemm", {"taker_connector": "tegro_localnet"}, "maker and taker must be different markets"),
        ("tegro_xemm", {"target_profitability": Decimal(1)}, "target_profitability must lie between"),
        ("tegro_market_maker", {"inventory_skew": 2}, "less than 1"),
        ("tegro_market_maker", {"buy_amounts_pct": "1,2,3"}, "must match the number of buy_spreads"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(home, name, change, said):
    config_class, values = config_of(home, name)
    with pytest.raises(ValidationError, match=said):
        config_class(**values | change)


def test_the_users_files_are_left_unless_forced(home):
    changed = home / "conf" / "controllers" / "tegro_trend.yml"
    original = changed.read_bytes()
    changed.write_text("mine")
    gone = home / "scripts" / "tegro_controllers.py"
    gone.unlink()
    laid = lay_out(home)
    assert (laid.written, laid.left) == ([gone], [changed])
    assert changed.read_text() == "mine"
    laid = lay_out(home, force=True)
    assert (laid.written, laid.left) == ([changed], [])
    assert changed.read_bytes() == original


def test_a_file_that_cannot_be_written_is_one_sentence(home):
    (home / "controllers" / "generic" / "tegro_xemm.py").unlink()
    (home / "controllers" / "generic").rmdir()
    (home / "controllers" / "generic").write_text("in the way")
    with pytest.raises(InvalidInput, match=r"tegro_xemm\.py cannot be written"):
        lay_out(home)


def test_the_command_lists_what_it_wrote_and_what_it_left(installed_layout, tmp_path):
    home = tmp_path / "home"
    first = installed_layout.run(*TEGRO, "--home", home)
    assert (first.returncode, first.stderr) == (0, "")
    wrote = {Path(line.removeprefix("wrote ")) for line in first.stdout.splitlines() if line.startswith("wrote ")}
    assert wrote == {path for name in ("conf", "controllers", "scripts") for path in (home / name).rglob("*.*")} - {
        home / "README.txt"
    }
    assert len(wrote) == 10
    mine = home / "scripts" / "tegro_controllers.py"
    mine.write_text("mine")
    second = installed_layout.run(*TEGRO, "--home", home)
    assert second.stdout.splitlines() == [
        f"left as it is, though it differs: {mine} (--force overwrites it)",
        f"The home folder {home} is ready. Next: tegro hummingbot tui --home {home}",
    ]
    assert mine.read_text() == "mine"
    third = installed_layout.run(*TEGRO, "--home", home, "--force")
    assert third.stdout.splitlines()[0] == f"wrote {mine}"
