"""The chart endpoint: what is asked, what is understood, what is refused."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro import convert, wire
from tegro.errors import BadReply, Refused
from tegro.model import ChartBar
from tegro.rest import RestClient

CHART = "/api/v1/exchange/31337/market/chart"
FIRST, SECOND = 1_718_543_100, 1_718_543_400


@pytest.fixture
def read(session, environment_at, stub, rng, market):
    rest = RestClient(environment_at(stub.url), session, rng=rng)
    return lambda: rest.chart(market, interval_secs=300, start_ms=FIRST * 1000, end_ms=SECOND * 1000)


def row(time=FIRST, **changes):
    return {"time": time, "open": 3490.1, "high": "3491.25", "low": 3490, "close": "3490.20"} | changes


async def test_all_that_the_web_page_sends_is_sent(read, stub, market):
    stub.json("GET", CHART, "[]")
    assert await read() == []
    [(_, _, query, _)] = stub.requests
    assert query == {
        "chain_id": "31337",
        "market_id": market.id,
        "base_asset": market.base.address,
        "quote_asset": market.quote.address,
        "interval": "300",
        "from": "1718543100000",
        "to": "1718543400000",
    }


@pytest.mark.parametrize("form", ["{}", '{{"data":{},"success":true}}', '{{"message":"success","data":{}}}'])
async def test_bars_in_seconds_bare_and_in_the_old_envelopes(read, stub, form):
    stub.json("GET", CHART, form.format(json.dumps([row(SECOND), row()])))
    second, first = await read()
    assert (first.open_time_ms, second.open_time_ms) == (FIRST * 1000, SECOND * 1000)
    prices = (first.open, first.high, first.low, first.close)
    assert [str(price) for price in prices] == ["3490.1", "3491.25", "3490", "3490.20"]
    assert (first.base_volume, first.quote_volume) == (None, None)


async def test_milliseconds_and_volumes_are_understood_in_both_spellings(read, stub):
    bars = [row(FIRST * 1000, volume="1.50", quote_volume=0), row(SECOND, quoteVolume="2")]
    stub.json("GET", CHART, json.dumps(bars))
    first, second = await read()
    assert (first.open_time_ms, first.base_volume, first.quote_volume) == (FIRST * 1000, Decimal("1.5"), 0)
    assert (second.base_volume, second.quote_volume) == (None, 2)


async def test_null_is_an_empty_chart(read, stub):
    stub.json("GET", CHART, "null")
    assert await read() == []


@pytest.mark.parametrize(
    "changes",
    [{"open": 0}, {"low": "-1"}, {"high": 3489}, {"low": 3491}, {"close": 4000}, {"close": "x"}, {"time": "soon"}],
)
async def test_a_bar_that_cannot_be_is_a_bad_reply(read, stub, changes):
    stub.json("GET", CHART, json.dumps([row(), row(**changes)]))
    with pytest.raises(BadReply):
        await read()


async def test_an_interval_that_is_not_served_is_refused(read, stub):
    stub.json("GET", CHART, '{"error":"interval must be one of"}', status=400)
    with pytest.raises(Refused, match="interval must be one of"):
        await read()


prices = st.decimals(min_value="0.000000000000000001", max_value=10**12, places=18)


@given(st.tuples(prices, prices, prices, prices), st.one_of(st.none(), prices), st.booleans())
def test_a_bar_survives_the_wire_to_the_last_digit(four, volume, is_quoted):
    low, first, last, high = sorted(four)
    number = wire.quoted if is_quoted else wire.bare
    named = {} if volume is None else {"volume": number(volume), "quote_volume": number(volume)}
    sent = wire.ChartBar(
        time=FIRST, open=number(first), high=number(high), low=number(low), close=number(last), **named
    )
    assert (b"volume" in wire.encode(sent)) == (volume is not None)
    received = convert.chart_bar_of(wire.decode(wire.encode(sent), wire.ChartBar))
    assert received == ChartBar(
        open_time_ms=FIRST * 1000,
        open=first,
        high=high,
        low=low,
        close=last,
        base_volume=volume,
        quote_volume=volume,
    )
