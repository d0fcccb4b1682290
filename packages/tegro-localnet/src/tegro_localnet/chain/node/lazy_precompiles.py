"""Loading py-evm's BLS12-381 precompiles when a contract first calls one.

Their tables take a quarter of the node's whole start-up time, and no contract of localnet uses them.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

_PACKAGE: Final = "eth.precompiles.bls12_381"
_PRECOMPILES: Final = (
    "bls12_g1_add",
    "bls12_g1_msm",
    "bls12_g2_add",
    "bls12_g2_msm",
    "bls12_map_fp_to_g1",
    "bls12_map_fp2_to_g2",
    "bls12_pairing_check",
)


def defer_bls_precompiles() -> None:
    """Put a stand-in where py-evm will look for the package. Changes nothing once py-evm has been imported."""
    if _PACKAGE in sys.modules:
        return
    stand_in = ModuleType(_PACKAGE)
    for name in _PRECOMPILES:
        setattr(stand_in, name, _deferred(stand_in, name))
    sys.modules[_PACKAGE] = stand_in


def _deferred(stand_in: ModuleType, name: str) -> Callable[[Any], Any]:
    def run(computation: Any) -> Any:  # noqa: ANN401 - py-evm's own types would have to be imported here
        if sys.modules.get(_PACKAGE) is stand_in:
            del sys.modules[_PACKAGE]
        return getattr(importlib.import_module(_PACKAGE), name)(computation)

    return run
