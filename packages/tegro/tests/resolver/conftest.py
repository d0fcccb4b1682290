"""A resolver of one wallet in a world that a test moves."""

import random

import pytest
from resolver_world import (
    CHAIN_ID,
    POLICY,
    WALLET,
    World,
)

from tegro.journal import MemoryJournal
from tegro.resolver import Resolver


@pytest.fixture
def world():
    return World()


@pytest.fixture
def journal(world):
    return MemoryJournal(clock_ms=lambda: world.now_ms)


@pytest.fixture
def resolved():
    return []


@pytest.fixture
def make_resolver(world, journal, resolved):
    def make(**changes):
        options = {
            "chain_id": CHAIN_ID,
            "clock_ms": lambda: world.now_ms,
            "sleep": world.sleep,
            "rng": random.Random(1),
            "policy": POLICY,
            "on_resolved": lambda before, resolution: resolved.append((before.state, resolution)),
        }
        return Resolver(journal, WALLET, world, **options | changes)

    return make


@pytest.fixture
def resolver(make_resolver):
    return make_resolver()
