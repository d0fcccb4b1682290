"""Fixtures of the plug-in's tests."""

import shutil
import sysconfig
from pathlib import Path

import pytest

import hummingbot_tegro
import tegro


@pytest.fixture
def small_host(tmp_path, build_source_layout):
    """A source clone with three stock connectors: the real code, quick to start, and free to be altered."""
    # The rate oracle imports the last two, whatever source is chosen.
    return build_source_layout(tmp_path / "small", connectors=("binance", "coinbase_advanced_trade", "gate_io"))


@pytest.fixture
def without_start_up_files():
    """Variables for `python -S`, which reads no .pth file: everything is importable, the plug-in is not loaded."""
    folders = (sysconfig.get_paths()["purelib"], _source_folder(tegro), _source_folder(hummingbot_tegro))
    return {"PYTHONPATH": ":".join(str(folder) for folder in folders)}


@pytest.fixture
def own_plugin(small_host):
    """A copy of the plug-in installed in `small_host` in place of the one under test, free to be altered."""
    site_packages = small_host.site_packages
    for name in ("_editable_impl_hummingbot_tegro.pth", "hummingbot_tegro.pth"):
        (site_packages / name).unlink()
    source = _source_folder(hummingbot_tegro)
    shutil.copy2(source / "hummingbot_tegro.pth", site_packages)
    shutil.copytree(source / "hummingbot_tegro", site_packages / "hummingbot_tegro")
    return site_packages / "hummingbot_tegro"


def _source_folder(package):
    return Path(package.__file__).parents[1]
