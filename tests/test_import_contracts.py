"""The static import contract of the venue names every client module that exists."""

import pkgutil
import tomllib
from pathlib import Path

import tegro

SHARED = {"tegro.wire", "tegro.model", "tegro._version"}


def test_the_venue_is_forbidden_every_client_module_but_the_shared_ones() -> None:
    document = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    contracts = document["tool"]["importlinter"]["contracts"]
    forbidden = {
        name for each in contracts if each["source_modules"] == ["tegro_localnet"] for name in each["forbidden_modules"]
    }
    existing = {f"tegro.{module.name}" for module in pkgutil.iter_modules(tegro.__path__)}
    assert forbidden - {"hummingbot_tegro"} == existing - SHARED
