"""How long it takes to sign an order: this package, eth-account, and libsecp256k1 alone.

All candidates run in one process in interleaved rounds, so that a machine that slows down slows all of them. Reported
are medians over the rounds; a ratio is the median of the ratios inside each round. Exits with 3 if a target is missed.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from coincurve import PrivateKey
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from support.exit_status import exit_status

from tegro.eip712 import Domain, OrderMessage, order_message
from tegro.keccak import keccak256
from tegro.model import Market, OrderRequest, Side, Token
from tegro.signer import LocalSigner

# The first well-known development key of Hardhat and Anvil; it guards nothing.
KEY: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
DOMAIN: Final = Domain(8453, "0xa492c74aAc592F7951d98000a602A22157019563")
MARKET: Final = Market(
    id="8453_0x4200000000000000000000000000000000000006_0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
    symbol="WETH_USDC",
    chain_id=8453,
    base=Token(address="0x4200000000000000000000000000000000000006", symbol="WETH", decimals=18),
    quote=Token(address="0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", symbol="USDC", decimals=6),
    base_precision=6,
    quote_precision=10,
)
REQUEST: Final = OrderRequest(market=MARKET, side=Side.SELL, price=Decimal("3100.25"), quantity=Decimal("0.5"))

SIGNER: Final = LocalSigner(KEY)
ACCOUNT: Final[LocalAccount] = Account.from_key(KEY)
BARE_KEY: Final = PrivateKey(bytes.fromhex(KEY[2:]))
DIGEST: Final = keccak256(b"a digest that is ready")

LEAST_TIMES_QUICKER_THAN_ETH_ACCOUNT: Final = 10
MOST_TIMES_THE_BARE_LIBRARY: Final = 1.25

BARE: Final = "libsecp256k1 through coincurve, digest ready"
OURS: Final = "tegro: message, digest, signature"
FROM_DECIMALS: Final = "tegro: the same from a Decimal price and quantity"
ASYNC: Final = "tegro: the same through `await sign_typed`, as hex"
ETH_ACCOUNT: Final = "eth-account: encode_typed_data, sign_message"


def build(salt: int) -> OrderMessage:
    """Return an order of the market with its own salt, so that nothing of the last one can be reused."""
    return OrderMessage(
        base_token=MARKET.base.address,
        quote_token=MARKET.quote.address,
        price_e18=3_100_250_000_000_000_000_000,
        total_quantity_wei=500_000_000_000_000_000,
        is_buy=False,
        salt=salt,
        maker=SIGNER.address,
        domain=DOMAIN,
    )


def sign_bare(_salt: int) -> bytes:
    """Sign a digest with nothing around it."""
    signature: bytes = BARE_KEY.sign_recoverable(DIGEST, hasher=None)
    return signature


def sign_ours(salt: int) -> bytes:
    """Build and sign an order."""
    return SIGNER.sign_digest(build(salt).digest)


def sign_from_decimals(salt: int) -> bytes:
    """Check tick and lot, scale, build and sign an order."""
    return SIGNER.sign_digest(order_message(REQUEST, maker=SIGNER.address, domain=DOMAIN, salt=salt).digest)


def sign_eth_account(salt: int) -> bytes:
    """Build and sign the same order with the generic implementation."""
    typed_data = {**TYPED_DATA, "message": {**MESSAGE, "salt": salt}}
    return bytes(ACCOUNT.sign_message(encode_typed_data(full_message=typed_data)).signature)


TYPED_DATA: Final = build(0).typed_data()
MESSAGE: Final = {
    "baseToken": MARKET.base.address,
    "quoteToken": MARKET.quote.address,
    "price": 3_100_250_000_000_000_000_000,
    "totalQuantity": 500_000_000_000_000_000,
    "isBuy": False,
    "maker": SIGNER.address,
    "expiryTime": 0,
}


async def sign_async(count: int) -> None:
    """Sign as a client does: through the coroutine."""
    for salt in range(count):
        await SIGNER.sign_typed(order_message(REQUEST, maker=SIGNER.address, domain=DOMAIN, salt=salt))


def timed_loop(sign: Callable[[int], bytes]) -> Callable[[int], None]:
    """Return a function that signs so many orders."""

    def loop(count: int) -> None:
        for salt in range(count):
            sign(salt)

    return loop


def measure(rounds: int, count: int) -> dict[str, list[float]]:
    """Return, for each candidate, the microseconds a signature took in each round."""
    candidates: dict[str, tuple[Callable[[int], None], int]] = {
        BARE: (timed_loop(sign_bare), count),
        OURS: (timed_loop(sign_ours), count),
        FROM_DECIMALS: (timed_loop(sign_from_decimals), count),
        ASYNC: (lambda times: asyncio.run(sign_async(times)), count),
        ETH_ACCOUNT: (timed_loop(sign_eth_account), max(count // 10, 1)),
    }
    for loop, times in candidates.values():
        loop(times)  # fill caches before the clock runs
    micros: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, (loop, times) in candidates.items():
            start_ns = time.perf_counter_ns()
            loop(times)
            micros[name].append((time.perf_counter_ns() - start_ns) / times / 1000)
    return micros


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of one candidate's time divided by another's."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=60)
    arguments.add_argument("--count", type=int, default=300, help="signatures of each candidate in a round")
    options = arguments.parse_args()
    for salt in range(5):
        if sign_ours(salt) != sign_eth_account(salt) or sign_ours(salt) != sign_from_decimals(salt):
            sys.exit("the candidates do not sign the same bytes")

    micros = measure(options.rounds, options.count)
    print(f"keccak: {'safe-pysha3' if 'sha3' in sys.modules else 'pycryptodome'}")
    print(f"{'median us':>10}  {'x bare':>7}  candidate")
    for name, values in micros.items():
        print(f"{statistics.median(values):>10.1f}  {ratio(values, micros[BARE]):>7.2f}  {name}")

    quicker = ratio(micros[ETH_ACCOUNT], micros[OURS])
    over_bare = ratio(micros[OURS], micros[BARE])
    is_met = quicker >= LEAST_TIMES_QUICKER_THAN_ETH_ACCOUNT and over_bare <= MOST_TIMES_THE_BARE_LIBRARY
    print(
        f"{'met' if is_met else 'MISSED'}: an order is signed {quicker:.1f} times quicker than by eth-account "
        f"(target {LEAST_TIMES_QUICKER_THAN_ETH_ACCOUNT}) and in {over_bare:.2f} times the bare library's time "
        f"(target {MOST_TIMES_THE_BARE_LIBRARY})"
    )
    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
