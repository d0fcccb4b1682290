"""The embedded EVM node: a chain on py-evm behind JSON-RPC, one block for each transaction.

It runs in its own process (`python -m tegro_localnet.chain.node`), because a settlement keeps an event loop busy for
milliseconds, and because py-evm is frozen: nothing outside this folder knows that it is used.
"""

import os
from importlib.util import find_spec

from tegro_localnet.chain.node.lazy_precompiles import defer_bls_precompiles

# Before any module here imports py-evm.
defer_bls_precompiles()
if find_spec("sha3") is not None:
    # safe-pysha3 (extra `fast`) takes a seventh of the time for a storage key; eth-hash would prefer the other one.
    os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
