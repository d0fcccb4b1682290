"""The venue shares the wire structs and the model with the client, and nothing that decides anything."""

import subprocess
import sys
import textwrap

PROBE = """
import importlib, pkgutil, sys

ALLOWED = {"tegro", "tegro._version", "tegro.model"}

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tegro" and name not in ALLOWED and not (name + ".").startswith("tegro.wire."):
            raise ImportError("the venue must not import " + name)

sys.meta_path.insert(0, Wall())
import tegro_localnet
names = [found.name for found in pkgutil.walk_packages(tegro_localnet.__path__, "tegro_localnet.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
try:
    importlib.import_module("tegro.eip712")
except ImportError as error:
    assert "must not import" in str(error), error
else:
    raise SystemExit("the wall has a hole")
print(len(names))
"""


def test_every_module_of_the_venue_works_without_the_client() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


def test_the_pytest_plugin_costs_nothing_until_it_is_used() -> None:
    code = textwrap.dedent("""
        import sys
        import tegro_localnet.pytest_plugin
        heavy = {"aiohttp", "eth", "eth_account", "web3", "coincurve", "tegro_localnet.localnet"} & set(sys.modules)
        raise SystemExit(", ".join(sorted(heavy)) or 0)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
