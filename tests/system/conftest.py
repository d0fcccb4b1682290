"""Fixtures of the tests that need programs from outside PyPI. A missing program is a failure, never a skip."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def node_trader(localnet: Any) -> Callable[..., Any]:
    """Run one action of `trader.mjs` (ethers) against the local venue and return its answer."""
    node = which("node")
    assert node, "Node.js is missing: run scripts/system-tools"
    assert (HERE / "node_modules" / "ethers").is_dir(), "the npm packages are missing: run scripts/system-tools"

    def run(action: str, **members: object) -> Any:
        request = {"action": action, "restUrl": localnet.rest_url, "rpcUrl": localnet.rpc_url, **members}
        done = subprocess.run(
            [node, str(HERE / "trader.mjs")],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
