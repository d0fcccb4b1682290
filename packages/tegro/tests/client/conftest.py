"""A client of a stubbed venue, and one of localnet whose requests are counted."""

import random
from decimal import Decimal

import aiohttp
import pytest
from stubbed_venue import (
    CHAINS,
    KEY,
    chain_list,
)

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.signer import LocalSigner


@pytest.fixture
async def stubbed(stub, environment_at):
    """A client of the stub, which lists one chain."""
    stub.json("GET", CHAINS, chain_list())
    async with AsyncTegro(environment_at(stub.url), signer=LocalSigner(KEY), rng=random.Random(1)) as client:
        yield client


@pytest.fixture
def request_at(market):
    def make(price="3490", quantity="0.5", side=Side.BUY, **more):
        return OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity), **more)

    return make


@pytest.fixture
def requests_sent():
    return []


@pytest.fixture
def trader_key():
    """Hold the key of `trader`, which the client does not give away."""
    return []


@pytest.fixture
async def trader(localnet, environment_at, requests_sent, trader_key):
    """A funded client on localnet, whose HTTP requests are recorded."""
    trace = aiohttp.TraceConfig()

    async def note(_session, _context, parameters):
        requests_sent.append((parameters.method, parameters.url.path))

    trace.on_request_start.append(note)
    wallet = localnet.new_wallet()
    trader_key.append(wallet.key)
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        AsyncTegro(environment, signer=LocalSigner(wallet.key), session=session, clock_ms=lambda: 5) as client,
    ):
        yield client
