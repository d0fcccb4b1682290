"""Latency and rate limits: the arithmetic, and what a client sees over real connections."""

import asyncio
import random
import time
from decimal import Decimal
from statistics import median
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.fault_spec import MAX_DELAY_MS
from tegro_localnet.latency import Latency, LatencyModel, LatencyRules, read_latency
from tegro_localnet.rate_limits import MAX_BUCKETS, RateLimit, RateLimiter, RateLimits, TokenBucket, read_rate_limit

S = 10**9
HEALTH = "/api/v1/trading/health"


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(
        port=0,
        rpc_port=0,
        agents=False,
        settlement_interval_ms=50,
        latency=(Latency(path="*/chain/list", delay_ms=20),),
        rate_limits=RateLimits(per_address=RateLimit(per_second=1000, burst=1000)),
    )


# ---------------------------------------------------------------- models of latency


def draws(rule: Latency, seed: int, count: int = 4000) -> list[int]:
    rng = random.Random(seed)
    return [rule.draw_us(rng) for _ in range(count)]


def test_models_draw_from_what_they_say_under_the_seed() -> None:
    assert set(draws(Latency(delay_ms=7), 1, 10)) == {7000}
    uniform = Latency(model=LatencyModel.UNIFORM, delay_ms=10, most_ms=30)
    log_normal = Latency(model=LatencyModel.LOG_NORMAL, delay_ms=40, sigma=Decimal("0.5"))
    for rule in (uniform, log_normal):
        assert draws(rule, 1) == draws(rule, 1) != draws(rule, 2)
    even = draws(uniform, 3)
    assert (min(even) >= 10_000, max(even) <= 30_000) == (True, True)
    assert abs(sum(even) / len(even) - 20_000) < 600
    skewed = sorted(draws(log_normal, 4))
    assert abs(median(skewed) - 40_000) < 2000
    # One standard deviation of the logarithm above the median: 40 ms x e^0.5.
    assert abs(skewed[int(len(skewed) * 0.8413)] - 65_949) < 4000
    assert max(draws(Latency(model=LatencyModel.LOG_NORMAL, delay_ms=MAX_DELAY_MS, sigma=Decimal(5)), 1)) == (
        MAX_DELAY_MS * 1000
    )


def test_the_first_rule_that_fits_counts_and_frames_have_their_own() -> None:
    rules = LatencyRules(random.Random(1), [read_latency(text) for text in ("*/place=5", "stream=9", "2")])
    assert (rules.of_request_us("/api/x/place"), rules.of_request_us("/api/y"), rules.of_frame_us()) == (
        5000,
        2000,
        9000,
    )
    rules.set([])
    assert (rules.of_request_us("/api/x/place"), rules.of_frame_us()) == (0, 0)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("20", Latency(delay_ms=20)),
        ("stream=5-50", Latency(path="stream", model=LatencyModel.UNIFORM, delay_ms=5, most_ms=50)),
        ("*/x=30~0.5", Latency(path="*/x", model=LatencyModel.LOG_NORMAL, delay_ms=30, sigma=Decimal("0.5"))),
    ],
)
def test_short_forms_of_latency_are_read(text: str, rule: Latency) -> None:
    assert read_latency(text) == rule


@pytest.mark.parametrize(
    "text", ["", "x", "5-", "50-5", "-5", "30~", "30~0", "30~NaN", "30~9", "600001", "1-2-3", "a=b=c"]
)
def test_a_wrong_latency_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="latency must be milliseconds such as 20"):
        read_latency(text)


# ---------------------------------------------------------------- token buckets


@given(
    st.integers(1, 50), st.integers(1, 50), st.lists(st.integers(0, 3 * S), min_size=1, max_size=60), st.integers(1, 9)
)
def test_a_bucket_never_gives_more_than_its_limit_and_says_when_it_gives_again(
    per_second: int, burst: int, pauses_ns: list[int], tries: int
) -> None:
    bucket, now_ns, taken_ns = TokenBucket(RateLimit(per_second=per_second, burst=burst), 0), 0, []
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        for _ in range(tries):
            wait_ns = bucket.wait_ns(now_ns)
            if wait_ns:
                # One nanosecond earlier it is still too early.
                assert bucket.wait_ns(now_ns + wait_ns - 1) == 1
                now_ns += wait_ns
                assert bucket.wait_ns(now_ns) == 0
            bucket.take()
            taken_ns.append(now_ns)
    for first, begin_ns in enumerate(taken_ns):
        for last in range(first, len(taken_ns)):
            allowed = burst * S + (taken_ns[last] - begin_ns) * per_second
            assert (last - first + 1) * S <= allowed


def test_address_and_wallet_are_counted_apart_and_a_refused_request_costs_nothing() -> None:
    limiter = RateLimiter(
        RateLimits(per_address=RateLimit(per_second=1, burst=3), per_wallet=RateLimit(per_second=1, burst=1))
    )
    assert limiter.admit("a", "0x1", 0) == 0
    assert limiter.admit("a", "0x1", 0) == S
    assert limiter.admit("a", "0x2", 0) == 0
    assert limiter.admit("a", None, 0) == 0
    assert limiter.admit("a", None, 0) == S
    assert limiter.admit("b", None, 0) == 0
    assert limiter.admit("a", None, S) == 0
    assert limiter.admit(None, None, 0) == 0


def test_the_memory_of_clients_is_bounded() -> None:
    limiter = RateLimiter(RateLimits(per_address=RateLimit(per_second=1, burst=1)))
    for number in range(MAX_BUCKETS + 10):
        assert limiter.admit(str(number), None, 0) == 0
    assert len(limiter._buckets) == MAX_BUCKETS
    assert limiter.admit(str(MAX_BUCKETS + 9), None, 0) == S


@pytest.mark.parametrize("text", ["", "x", "0", "5/0", "-1", "1.5", "5/x", "1000001"])
def test_a_wrong_limit_is_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="a rate limit must be PER_SECOND or PER_SECOND/BURST"):
        read_rate_limit(text)
    assert read_rate_limit("20/40") == RateLimit(per_second=20, burst=40)


# ---------------------------------------------------------------- over real connections


async def test_a_configured_latency_delays_its_path(api: Any) -> None:
    begin_ns = time.monotonic_ns()
    assert (await api.get("/api/v1/exchange/chain/list"))[0] == 200
    assert time.monotonic_ns() - begin_ns >= 20_000_000


async def put(api: Any, path: str, body: Any) -> tuple[int, Any]:
    async with api.session.put(f"{api.root}/localnet/{path}", json=body) as response:
        return response.status, await response.json()


async def test_latency_is_changed_at_run_time_and_frames_keep_their_order(someone: Any, listen: Any, api: Any) -> None:
    _, before = await api.get("/localnet/latency")
    rule = {"model": "uniform", "path": "stream", "delay_ms": 0, "most_ms": 15}
    assert (await put(api, "latency", {"rules": [rule]}))[0] == 200
    listener = await listen(someone.wallet)
    for price in range(100, 110):
        await someone.place("WETH_USDC", "buy", str(price), "0.1")
    await listener.until(lambda event: len(listener.events) == 20)
    assert [event["data"]["price"] for event in listener.events] == [str(100 + number // 2) for number in range(20)]
    assert listener.actions() == ["order_placed", "order_submitted"] * 10
    assert await put(api, "latency", before) == (200, before)


async def test_who_asks_too_often_is_told_when_to_come_back(api: Any, someone: Any, trader: Any) -> None:
    other = trader({"USDC": "5000"})
    limits = {"per_wallet": {"per_second": 1, "burst": 2}}
    assert (await put(api, "rate-limits", limits))[0] == 200
    url = f"{api.root}/api/v1/trading/market/orders/user/{someone.account.address}"
    body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "100", "0.1"))
    try:
        # Two of the burst are answered, and one more for each second that this takes.
        replies = await asyncio.gather(*(api.session.get(url) for _ in range(40)))
        refused = [reply for reply in replies if reply.status == 429]
        assert {reply.status for reply in replies} == {200, 429}
        assert len(refused) >= 20
        assert refused[0].headers["Retry-After"] == "1"
        assert await refused[0].json() == {"error": "too many requests: try again in 1 s"}
        placed = await asyncio.gather(*(api.post("/api/v1/trading/market/orders/place", body) for _ in range(40)))
        assert [status for status, _ in placed].count(429) >= 20
        assert await other.orders() == []
        assert (await api.get("/localnet/rate-limits"))[1] == limits | {"per_address": None}
    finally:
        await put(api, "rate-limits", {})
    assert (await api.get(HEALTH))[0] == 200


async def test_a_flood_from_one_address_leaves_others_served(localnet: BackgroundLocalnet, api: Any) -> None:
    await put(api, "rate-limits", {"per_address": {"per_second": 1, "burst": 5}})
    try:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, local_addr=("127.0.0.2", 0))
        ) as flooding:
            try:
                replies = await asyncio.gather(*(flooding.get(localnet.rest_url + HEALTH) for _ in range(300)))
            except OSError:
                pytest.skip("this machine has one loopback address only")
            statuses = [reply.status for reply in replies]
            # Five of the burst, and one more for each second that the flood took.
            assert statuses.count(429) >= 200
            assert await api.get(HEALTH) == (200, {"status": "ok"})
            async with flooding.get(localnet.rest_url + "/localnet/health") as own:
                assert own.status == 200
    finally:
        await put(api, "rate-limits", {})


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("latency", {"rules": [{"delay_ms": -1}]}, "delay_ms must be from 0 to 600000, was -1"),
        ("latency", {"rules": [{"delay_ms": 1, "sigma": "1"}]}, "sigma belongs to the model log_normal"),
        ("latency", {"rules": [{"delay_ms": 1}] * 101}, "at most 100 rules of latency, were 101"),
        ("rate-limits", {"per_wallet": {"per_second": 0, "burst": 1}}, "per_second must be from 1 to 1000000, was 0"),
        ("rate-limits", {"per_ip": None}, "unknown field `per_ip`"),
        ("clock", {"offset_ms": 10**15}, "offset_ms must be within ten years"),
        ("markets/WETH_DOGE/tick", {"quote_precision": 1}, "unknown market 'WETH_DOGE'"),
        ("markets/WETH_USDC/tick", {"quote_precision": 19}, "0 to 18 in a price"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(api: Any, path: str, body: Any, sentence: str) -> None:
    status, reply = await put(api, path, body)
    assert status == 400
    assert sentence in reply["error"]
