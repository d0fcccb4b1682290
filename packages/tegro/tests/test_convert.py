"""Wire structs to model values: the golden files, both spellings, and what must be refused."""

import copy
import json
import pickle
from decimal import Decimal, InvalidOperation, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import DecodeError, Raw

from tegro import convert, wire
from tegro.model import OrderStatus, Side, TradeState
from tegro.resting_levels import RestingLevels


def decode(text, shape):
    return wire.decode(text.encode() if isinstance(text, str) else text, shape)


def read_carefully(body, symbol):
    return convert.snapshot_of(decode(body, convert.DepthReading), symbol)


def body_of(bids, asks):
    """Return a snapshot's JSON; each level is two JSON texts, quoted or bare."""
    sides = (
        ",".join(f'{{"price":{price},"quantity":{quantity}}}' for price, quantity in side) for side in (bids, asks)
    )
    bid_text, ask_text = sides
    return f'{{"timestamp":1718543004,"bids":[{bid_text}],"asks":[{ask_text}]}}'.encode()


def quoted_body(bids, asks):
    return body_of(*([(json.dumps(price), json.dumps(quantity)) for price, quantity in side] for side in (bids, asks)))


def outcome_of(read, body):
    """Return the levels that were read, to the last digit; or that they were refused."""
    try:
        snapshot = read(body, "X")
    except (DecodeError, ValueError):
        return "refused"
    return [[(str(level.price), str(level.quantity)) for level in side] for side in (snapshot.bids, snapshot.asks)]


def test_the_chain_of_the_golden_file(golden):
    chain = convert.chain_of(decode(golden("http_get_chain_list"), list[wire.ChainInfo])[0])
    assert (chain.id, chain.name) == (80002, "amoy")
    assert chain.exchange_contract == "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
    assert chain.default_quote_address == "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
    assert (chain.min_order_value_wei, chain.fee_rate) == (2_000_000, Decimal("0.0001"))


def test_the_market_of_the_golden_file(golden):
    info = decode(golden("http_get_market_list"), list[wire.MarketInfo])[0]
    market = convert.market_of(info, 80002)
    assert (market.symbol, market.base.decimals, market.quote.decimals) == ("WETH_USDT", 18, 6)
    assert (market.lot_size, market.tick_size) == (Decimal("0.000001"), Decimal("1E-10"))
    ticker = convert.ticker_of(info)
    assert (ticker.last_price, ticker.best_bid, ticker.best_ask) == (
        Decimal("3490.1"),
        Decimal(3490),
        Decimal("3490.2"),
    )


def test_a_market_of_another_chain_is_refused(golden):
    with pytest.raises(ValueError, match="on chain 80002, not on 1"):
        convert.market_of(decode(golden("http_get_market_list"), list[wire.MarketInfo])[0], 1)


def test_a_zero_in_the_ticker_means_none():
    info = decode(
        '{"id":"1","symbol":"A_B","base_contract_address":"0x","base_symbol":"A","base_decimal":1,"base_precision":1,'
        '"quote_contract_address":"0x","quote_symbol":"B","quote_decimal":1,"quote_precision":1}',
        wire.MarketInfo,
    )
    ticker = convert.ticker_of(info)
    assert (ticker.last_price, ticker.best_bid, ticker.best_ask, ticker.base_volume) == (None, None, None, 0)


def test_the_order_of_the_golden_file(golden):
    order = convert.order_of(decode(golden("http_get_user_orders"), list[wire.OrderInfo])[0])
    assert (order.price, order.quantity, order.side) == (Decimal(3490), Decimal("3.9999"), Side.BUY)
    assert order.order_hash == "0x3e45ac4a7c67ab9fd9392c6bdefb0b3de8e498811dd8ac934bbe8cf2c26f72a7"
    assert order.timestamp_ms == 1720458258000


def test_the_place_reply_in_old_names(golden):
    order = convert.order_of(decode(golden("http_post_place_reply_old_names"), wire.OrderInfo))
    assert (order.status, order.quantity, order.side) == (OrderStatus.OPEN, Decimal("0.009945"), Side.BUY)
    assert order.market_id.startswith("80002_0x6b94")
    assert order.timestamp_ms == 1718184747390


def test_defect_44_seconds_and_milliseconds_are_told_apart():
    for written, expected in ((1720458258, 1720458258000), (1720458258123, 1720458258123)):
        info = decode(f'{{"order_id":"1","side":"sell","status":"open","timestamp":{written}}}', wire.OrderInfo)
        assert convert.order_of(info).timestamp_ms == expected


@pytest.mark.parametrize("word", ["brand_new_word", "SoftCancelled", ""])
def test_defect_32_an_unknown_status_keeps_the_order(word):
    info = decode(f'{{"order_id":"1","side":"sell","status":"{word}"}}', wire.OrderInfo)
    assert convert.order_of(info).status is OrderStatus.UNKNOWN


@pytest.mark.parametrize(
    ("member", "buyer_rested", "taker"),
    [
        ('"is_buyer_maker":true,', True, Side.SELL),
        ('"is_buyer_maker":false,', False, Side.BUY),
        ('"taker_type":"sell",', True, Side.SELL),
        ('"takerType":"buy",', False, Side.BUY),
        ("", None, None),
    ],
)
def test_defect_25_the_side_of_a_trade_is_the_takers(member, buyer_rested, taker):
    info = decode(f'{{{member}"id":"1","price":1,"amount":1,"state":"success","timestamp":1}}', wire.TradeInfo)
    trade = convert.trade_of(info)
    assert (trade.is_buyer_maker, trade.taker_side) == (buyer_rested, taker)


def test_the_trade_of_the_golden_files_in_both_spellings(golden):
    rest = convert.trade_of(decode(golden("http_get_order_trades"), list[wire.TradeInfo])[0])
    event = wire.decode_event(golden("ws_trade_updated"))
    streamed = convert.trade_of(wire.decode(event.data, wire.TradeInfo))
    assert (rest.state, rest.maker_fee) == (TradeState.SUCCESS, Decimal("0.03"))
    assert rest.tx_hash == "0x4e240028f16196f421ab266b7ea95acaee4b7fc648e97c19a0f93b3c8f0bb32d"
    assert (streamed.price, streamed.quantity) == (Decimal("3490.1"), Decimal("0.5"))
    assert streamed.tx_hash == "0x2f0d41ced1c7d21fe114235dfe363722f5f7026c21441f181ea39768a151c205"


def test_a_trade_states_the_price_that_the_contract_pays():
    info = decode(
        '{"id":"1","price":"10","settled_price":"9","amount":"1","state":"new","timestamp":1,"tx_hash":""}',
        wire.TradeInfo,
    )
    trade = convert.trade_of(info)
    assert (trade.price, trade.state, trade.tx_hash) == (Decimal(9), TradeState.UNKNOWN, None)


def test_defect_41_a_balance_is_exact_and_defect_42_what_orders_hold_is_not_available(golden):
    balances = [convert.balance_of(entry) for entry in decode(golden("http_get_portfolio"), list[wire.PortfolioEntry])]
    assert [str(balance.total) for balance in balances] == ["10000", "10010.7"]
    entry = decode(
        '{"address":"0x7551122e441edbf3fffcbcf2f7fcc636b636482b","balance":10010.7,"symbol":"X","decimal":6,'
        '"placed_amount":"0.7"}',
        wire.PortfolioEntry,
    )
    assert convert.balance_of(entry).available == Decimal(10010)


@pytest.mark.parametrize("read", [convert.read_snapshot, read_carefully])
def test_a_snapshot_is_sorted_whatever_the_venue_sent(golden, read):
    snapshot = read(golden("http_get_depth"), "WETH_USDT")
    assert [level.price for level in snapshot.bids] == [Decimal("3490.0"), Decimal("3489.5")]
    assert [level.price for level in snapshot.asks] == [Decimal("3490.2"), Decimal("3492.0")]
    assert snapshot.timestamp_ms == 1718543004000


@pytest.mark.parametrize("read", [convert.read_snapshot, read_carefully])
def test_defect_21_a_side_that_is_null_or_missing_is_empty(golden, read):
    snapshot = read(golden("http_get_depth_null_side"), "X")
    assert snapshot.asks == () or snapshot.bids == ()
    change = convert.change_of(decode('{"symbol":"X","bids":null,"timestamp":1709294334}', convert.DiffReading))
    assert (change.bids, change.asks) == ((), ())


def test_defect_24_a_change_stamped_in_seconds_is_of_2024(golden):
    event = wire.decode_event(golden("ws_order_book_diff"))
    assert convert.change_of(wire.decode(event.data, convert.DiffReading)).timestamp_ms == 1709294334000


@pytest.mark.parametrize(
    "level", ['{"price":"0","quantity":"1"}', '{"price":"-1","quantity":"1"}', '{"price":"1","quantity":"-1"}']
)
def test_an_impossible_level_is_refused(level):
    with pytest.raises(ValueError, match="a book level needs"):
        convert.change_of(decode(f'{{"symbol":"X","bids":[{level}]}}', convert.DiffReading))


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", '"1e78"', '"1e-79"', '"NaN"', '"sNaN"', '"-Infinity"'])
@pytest.mark.parametrize("traps", [True, False])
def test_a_level_that_cannot_be_written_out_is_refused_whatever_the_decimal_context(text, traps):
    for price, quantity in ((text, "1"), ("1", text)):
        body = f'{{"bids":[{{"price":"3","quantity":2}},{{"price":{price},"quantity":{quantity}}}]}}'
        with localcontext() as context:
            context.traps[InvalidOperation] = traps
            with pytest.raises(ValueError, match="a number on the wire is out of range"):
                convert.read_snapshot(body.encode(), "X")


def test_an_empty_level_is_left_out_of_a_snapshot_and_stays_in_a_change():
    levels = '[{"price":"3","quantity":"0e-999999999"},{"price":2,"quantity":-0},{"price":"1","quantity":1.5}]'
    snapshot = convert.read_snapshot(f'{{"asks":{levels}}}'.encode(), "X")
    assert [str(level.price) for level in snapshot.asks] == ["1"]
    change = convert.change_of(decode(f'{{"symbol":"X","asks":{levels}}}', convert.DiffReading))
    assert [str(level.quantity) for level in change.asks] == ["0", "0", "1.5"]


FALLING = [("10.5", "1"), ("10.4", "0.25"), ("9.75", "12")]
UNIFORM = [("10.50", "1"), ("10.40", "0.25"), ("09.75", "12")]


@pytest.mark.parametrize("asks", [FALLING, FALLING[::-1], UNIFORM, UNIFORM[::-1]])
@pytest.mark.parametrize("bids", [FALLING, FALLING[::-1], UNIFORM, UNIFORM[::-1], []])
def test_plain_levels_in_either_order_stay_text(bids, asks):
    snapshot = convert.read_snapshot(quoted_body(bids, asks), "X")
    assert isinstance(snapshot.bids, RestingLevels)
    assert isinstance(snapshot.asks, RestingLevels)
    assert [level.price for level in snapshot.bids] == sorted((Decimal(price) for price, _ in bids), reverse=True)
    assert [level.price for level in snapshot.asks] == [Decimal("9.75"), Decimal("10.4"), Decimal("10.5")]
    assert [str(level.quantity) for level in snapshot.asks] == ["12", "0.25", "1"]


@pytest.mark.parametrize(
    "text",
    [
        *("0", "0.0", ".", "", "00", "-1", "+1", "1e1", "1_0", " 1", "1 ", "1 1", "1..5", "1.2.3", "1,5", "0x1", "x"),
        *("NaN", "Infinity", "1\n", "1\u0000", "\u0661", "\uff11", "1\u00e9"),
        *("1" * 61, "1" + "0" * 77, "1" + "0" * 78, "0." + "0" * 77 + "1", "0." + "0" * 78 + "1"),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_what_is_not_plain_is_read_as_carefully_as_before(text, position):
    for other in range(2):
        levels = list(FALLING)
        levels[position] = (text, "1") if other else (levels[position][0], text)
        for bids, asks in ((levels, FALLING), (FALLING, levels)):
            body = quoted_body(bids, asks)
            assert outcome_of(convert.read_snapshot, body) == outcome_of(read_carefully, body)


def test_prices_that_are_not_in_order_or_come_twice_do_not_stay_text():
    for prices in (["1", "3", "2"], ["3", "3", "2"], ["3", "3.0", "2"], ["3.0", "2.0", "2.0"], ["2", "2"]):
        levels = [(price, str(number + 1)) for number, price in enumerate(prices)]
        for bids, asks in ((levels, []), ([], levels)):
            snapshot = convert.read_snapshot(quoted_body(bids, asks), "X")
            assert isinstance(snapshot.bids, tuple)
            assert isinstance(snapshot.asks, tuple)
            assert outcome_of(convert.read_snapshot, quoted_body(bids, asks)) == outcome_of(
                read_carefully, quoted_body(bids, asks)
            )


NUMBERS = (
    st.decimals(min_value=0, max_value=200, places=2).map(str)
    | st.integers(0, 30).map(str)
    | st.sampled_from(["3490.10", "3490.1", "03490.1", "3490", "99.9", "100.0", "1e3", "1E-5", "0e5", "-0"])
)
LITERALS = st.tuples(NUMBERS, st.booleans()).map(lambda each: f'"{each[0]}"' if each[1] else each[0])
SIDES = st.lists(st.tuples(LITERALS, LITERALS), max_size=6)
GARBAGE = st.text(alphabet="0123456789.eE+-_ xaN\u0661", max_size=5)
STRANGE_SIDES = st.lists(st.tuples(GARBAGE, GARBAGE), max_size=2)


@given(SIDES, SIDES)
def test_a_snapshot_is_the_same_as_one_whose_numbers_were_all_made(bids, asks):
    body = body_of(bids, asks)
    assert outcome_of(convert.read_snapshot, body) == outcome_of(read_carefully, body)


@given(STRANGE_SIDES, STRANGE_SIDES)
def test_garbage_is_refused_when_it_is_read_and_never_later(bids, asks):
    body = quoted_body(bids, asks)
    assert outcome_of(convert.read_snapshot, body) == outcome_of(read_carefully, body)


PLAIN = st.decimals(min_value=Decimal("0.01"), max_value=10_000, places=2)


@given(
    st.lists(PLAIN, unique=True, max_size=12),
    st.booleans(),
    st.lists(st.integers(-15, 15) | st.slices(12), max_size=8),
)
def test_levels_that_are_text_read_like_a_tuple(prices, is_shortened, indices):
    falling = sorted(prices, reverse=True)
    texts = [f"{price.normalize():f}" if is_shortened else str(price) for price in falling]
    levels = convert.read_snapshot(quoted_body([(text, "1") for text in texts], []), "X").bids
    assert len(levels) == len(falling)
    for index in indices:
        if isinstance(index, int) and not -len(falling) <= index < len(falling):
            with pytest.raises(IndexError):
                levels[index]
            continue
        found = levels[index]
        assert [each.price for each in (found if isinstance(index, slice) else [found])] == (
            falling[index] if isinstance(index, slice) else [falling[index]]
        )
        assert levels[index] == found
    assert [each.price for each in levels] == falling
    assert all(once is again for once, again in zip(levels, levels, strict=True))


def test_levels_that_are_text_equal_a_tuple_and_can_be_copied():
    body = quoted_body(FALLING, FALLING)
    text, made = convert.read_snapshot(body, "X"), read_carefully(body, "X")
    assert text == made
    assert made == text
    assert text == convert.read_snapshot(body, "X")
    assert text.bids != text.asks
    assert text.bids != list(made.bids)
    assert (hash(text), repr(text)) == (hash(made), repr(made))
    assert copy.deepcopy(convert.read_snapshot(body, "X")) == made
    assert pickle.loads(pickle.dumps(convert.read_snapshot(body, "X"))) == made


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", '"1e100"', '"NaN"', '"Infinity"', '"x"', "null", "[]"])
def test_a_number_that_cannot_be_one_is_refused_without_being_written_out(text):
    with pytest.raises(ValueError, match="number on the wire"):
        convert.amount_of(Raw(text.encode()))


def test_a_zero_with_a_huge_exponent_is_zero():
    assert str(convert.amount_of(Raw(b"0e999999999"))) == "0"


@given(st.decimals(min_value=0, max_value=10**30, places=18), st.booleans())
def test_defects_2_and_3_an_amount_survives_quoted_and_bare_to_the_last_digit(value, is_quoted):
    literal = wire.quoted(value) if is_quoted else wire.bare(value)
    assert b"e" not in bytes(literal).lower()
    assert convert.amount_of(literal) == value


@pytest.mark.parametrize("address", ["0x12", "7551122e441edbf3fffcbcf2f7fcc636b636482b", "0x" + "g" * 40])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="expected an address"):
        convert.chain_of(decode(f'{{"id":1,"name":"x","exchange_contract":"{address}"}}', wire.ChainInfo))


@pytest.mark.parametrize("decimals", [-1, 78])
def test_impossible_decimals_are_refused(decimals):
    text = f'{{"address":"0x{"0" * 40}","balance":1,"symbol":"X","decimal":{decimals}}}'
    with pytest.raises(ValueError, match="decimals of X must lie between"):
        convert.balance_of(decode(text, wire.PortfolioEntry))
