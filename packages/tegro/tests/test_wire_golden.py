"""The structs of tegro.wire against every example body and frame of the protocol description, sections 4 to 8."""

import json
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tegro.wire import (
    BookDiff,
    CancelAllBody,
    CancelBody,
    CancelReply,
    CancelToSign,
    ChainInfo,
    DepthSnapshot,
    Envelope,
    GenerateCancelBody,
    GenerateOrderBody,
    MarketInfo,
    OrderInfo,
    OrderToSign,
    PlaceOrderBody,
    PortfolioEntry,
    RawOrderData,
    Subscription,
    TradeInfo,
    decimal_of,
    decode,
    decode_event,
    encode,
    text_of,
)

GOLDEN = Path(__file__).parent / "golden"

AMOY_MARKET = "80002_0x6b94a36d6ff05886d44b3dafabdefe85f09563ba_0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
BASE_MARKET = "8453_0x4200000000000000000000000000000000000006_0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
ORDER_ID = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"
DEVELOPER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"

# Every body and frame that is written in today's form, by the struct that reads and writes it.
TODAY = {
    "http_get_chain_list": list[ChainInfo],
    "http_get_depth": DepthSnapshot,
    "http_get_depth_null_side": DepthSnapshot,
    "http_get_market": MarketInfo,
    "http_get_market_list": list[MarketInfo],
    "http_get_order_trades": list[TradeInfo],
    "http_get_portfolio": list[PortfolioEntry],
    "http_get_user_orders": list[OrderInfo],
    "http_post_cancel_all_body": CancelAllBody,
    "http_post_cancel_body": CancelBody,
    "http_post_cancel_body_capital": CancelBody,
    "http_post_cancel_reply": CancelReply,
    "http_post_generate_body": GenerateOrderBody,
    "http_post_generate_cancel_body": GenerateCancelBody,
    "http_post_generate_cancel_reply": CancelToSign,
    "http_post_generate_reply": OrderToSign,
    "http_post_place_body": PlaceOrderBody,
    "ws_order_book_diff": Envelope,
    "ws_subscribe_market": Subscription,
    "ws_subscribe_wallet": Subscription,
    "ws_trade_updated": Envelope,
    "ws_unsubscribe_market": Subscription,
}
OLD_NAMES = {"http_post_place_reply_old_names", "ws_order_submitted_array", "ws_order_submitted_old_names"}
OTHER = {"vectors"}  # signing vectors, read by test_eip712 and test_signer


def golden(name):
    return (GOLDEN / f"{name}.json").read_bytes()


def literal(text):
    """Parse JSON with each number kept as the text it was written in, so that 3490.0 differs from 3490."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))


def test_every_golden_file_is_tested():
    assert {path.stem for path in GOLDEN.glob("*.json")} == TODAY.keys() | OLD_NAMES | OTHER


@pytest.mark.parametrize(("name", "shape"), TODAY.items(), ids=TODAY.keys())
def test_decode_then_encode_gives_the_same_json(name, shape):
    body = golden(name)
    assert literal(encode(decode(body, shape))) == literal(body)


@pytest.mark.parametrize(("name", "shape"), [("ws_order_book_diff", BookDiff), ("ws_trade_updated", TradeInfo)])
def test_decode_then_encode_event_data_gives_the_same_json(name, shape):
    event = decode_event(golden(name))
    assert literal(encode(decode(event.data, shape))) == literal(bytes(event.data))


def test_chain_list():
    (chain,) = decode(golden("http_get_chain_list"), list[ChainInfo])
    assert (chain.id, chain.name, chain.active) == (80002, "amoy", True)
    assert chain.exchange_contract == "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
    assert chain.settlement_contract == "0xb365f2c6b51eb5c500f80e9fc1ba771d2de9396e"
    assert chain.default_quote_token_contract_address == "0x7551122E441edBF3fffcBCF2f7FCC636B636482b"
    assert (text_of(chain.min_order_value), text_of(chain.fee), text_of(chain.gas_price)) == ("2000000", "0.01", "5")
    assert (chain.gas_per_trade, chain.default_gas_limit) == (400000, 8000000)


def test_market_list():
    (market,) = decode(golden("http_get_market_list"), list[MarketInfo])
    assert (market.id, market.symbol, market.chain_id_camel) == (AMOY_MARKET, "WETH_USDT", 80002)
    assert market.chain_id is msgspec.UNSET
    assert (market.base_decimal, market.base_precision) == (18, 6)
    assert (market.quote_decimal, market.quote_precision) == (6, 10)
    assert text_of(market.ticker.price_change_24h) == "-0.61"
    assert decimal_of(market.ticker.quote_volume) == Decimal("1423455.3812")
    assert (text_of(market.ticker.bid_high), text_of(market.ticker.ask_low)) == ("3490", "3490.2")


def test_market_with_chain_id_in_snake_case():
    body = golden("http_get_market").replace(b'"chainId"', b'"chain_id"')
    market = decode(body, MarketInfo)
    assert (market.chain_id, market.chain_id_camel) == (80002, msgspec.UNSET)
    assert literal(encode(market)) == literal(body)


def test_depth_keeps_the_digits_and_the_order_of_the_venue():
    depth = decode(golden("http_get_depth"), DepthSnapshot)
    assert depth.timestamp == 1718543004
    assert [(text_of(level.price), text_of(level.quantity)) for level in depth.bids] == [
        ("3490.0", "1.5"),
        ("3489.5", "4"),
    ]
    assert [text_of(level.price) for level in depth.asks] == ["3492.0", "3490.2"]


@pytest.mark.parametrize("body", [golden("http_get_depth_null_side"), b'{"timestamp": 1, "bids": []}'])
def test_depth_with_an_empty_side(body):
    assert decode(body, DepthSnapshot).asks is None


def test_generate_body():
    body = decode(golden("http_post_generate_body"), GenerateOrderBody)
    assert (body.chain_id, body.side, text_of(body.price), text_of(body.amount)) == (8453, "buy", "2700", "0.1")


def test_generate_body_of_a_market_order_has_no_price():
    body = GenerateOrderBody(
        chain_id=8453, wallet_address=DEVELOPER, market_symbol="WETH_USDC", side="buy", amount=msgspec.Raw(b'"0.1"')
    )
    assert "price" not in json.loads(encode(body))


def test_generate_reply():
    reply = decode(golden("http_post_generate_reply"), OrderToSign)
    order = reply.limit_order
    assert order.order_hash == "0x5a28a76181ab0c008368ed09cc018b6d40eb23997b4a234cfe5650b7034d6611"
    assert (order.side, order.signature, order.market_id) == (1, None, BASE_MARKET)
    assert (order.volume_precision, order.price_precision) == ("100000000000000000", "2700000000")
    # For a buy the maker pays the market's quote token (protocol 4.7).
    assert order.base_asset == "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
    assert reply.sign_data.primary_type == "Order"
    assert [(field.name, field.type) for field in reply.sign_data.types["Order"]][-1] == ("expiryTime", "uint256")
    raw = decode(order.raw_order_data.encode(), RawOrderData)
    assert literal(encode(raw)) == literal(bytes(reply.sign_data.message))


def test_raw_order_data_is_written_as_the_venue_writes_it():
    text = decode(golden("http_post_place_body"), PlaceOrderBody).raw_order_data
    assert encode(decode(text.encode(), RawOrderData)).decode() == text


def test_place_body_takes_the_side_as_number_or_word():
    body = golden("http_post_place_body")
    assert decode(body, PlaceOrderBody).side == 0
    assert decode(body.replace(b'"side": 0', b'"side": "sell"'), PlaceOrderBody).side == "sell"


def test_place_reply_with_old_names():
    order = decode(golden("http_post_place_reply_old_names"), OrderInfo)
    assert (order.order_id, order.status, order.side) == (ORDER_ID, "Active", "buy")
    assert order.order_hash == "61c97934f3aa9d76d3e08dede89ff03a4c90aa9df09fe1efe055b7132f3b058d"
    assert (order.market_id, order.base_currency, order.quote_currency) == (AMOY_MARKET, "WETH", "USDT")
    assert order.contract_address == "0x6b94a36d6ff05886d44b3dafabdefe85f09563ba"
    assert (text_of(order.quantity), text_of(order.price), text_of(order.avg_price)) == ("0.009945", "2010.96", "0")
    assert (text_of(order.price_precision), text_of(order.volume_precision)) == ("2010960000", "9945498667303179")
    assert order.timestamp == 1718184747390


def test_generate_cancel_reply():
    reply = decode(golden("http_post_generate_cancel_reply"), CancelToSign)
    assert reply.cancel_order.order_ids == [ORDER_ID]
    assert reply.sign_data.primary_type == "CancelOrder"
    assert json.loads(bytes(reply.sign_data.message)) == {"orderIds": [ORDER_ID], "user": DEVELOPER}


def test_cancel_body_in_both_spellings():
    plain = decode(golden("http_post_cancel_body"), CancelBody)
    capital = decode(golden("http_post_cancel_body_capital"), CancelBody)
    assert plain.order_ids == capital.order_ids == [ORDER_ID]
    assert plain.signature == capital.signature_capital
    assert (plain.signature_capital, capital.signature) == (msgspec.UNSET, msgspec.UNSET)


def test_cancel_reply_without_ids():
    assert decode(b'{"cancelled_order_ids": null}', CancelReply).cancelled_order_ids is None


def test_user_orders():
    (order,) = decode(golden("http_get_user_orders"), list[OrderInfo])
    assert order.order_hash == "3e45ac4a7c67ab9fd9392c6bdefb0b3de8e498811dd8ac934bbe8cf2c26f72a7"
    assert (order.quote_currency, order.status, order.timestamp) == ("OPUSDT", "open", 1720458258)
    assert text_of(order.price_precision) == "3490000000000000000000"
    assert decimal_of(order.total) == Decimal("13959.651")
    assert (order.cancel.reason, order.cancel.code) == ("", 0)


def test_order_trades():
    (trade,) = decode(golden("http_get_order_trades"), list[TradeInfo])
    assert (trade.market_id, trade.market_id_camel) == (AMOY_MARKET, msgspec.UNSET)
    assert trade.tx_hash == "0x4e240028f16196f421ab266b7ea95acaee4b7fc648e97c19a0f93b3c8f0bb32d"
    assert (text_of(trade.price), text_of(trade.amount), trade.state) == ("3490", "0.5", "success")
    assert (text_of(trade.taker_fee), text_of(trade.maker_fee), text_of(trade.fee)) == ("0.03", "0.03", "0")
    assert trade.is_buyer_maker is True


def test_order_trades_of_early_2024_name_the_taker_in_camel_case():
    body = golden("http_get_order_trades").replace(b'"is_buyer_maker": true', b'"takerType": "sell"')
    (trade,) = decode(body, list[TradeInfo])
    assert (trade.taker_type, trade.is_buyer_maker) == ("sell", msgspec.UNSET)


def test_portfolio():
    quote, base = decode(golden("http_get_portfolio"), list[PortfolioEntry])
    assert (quote.symbol, text_of(quote.balance), quote.decimal, quote.type) == ("USDT", "10000", 6, "quote")
    assert (base.symbol, text_of(base.balance), text_of(base.price), base.type) == ("WETH", "10010.7", "1000", "base")


def test_subscriptions():
    wallet = decode(golden("ws_subscribe_wallet"), Subscription)
    market = decode(golden("ws_subscribe_market"), Subscription)
    gone = decode(golden("ws_unsubscribe_market"), Subscription)
    assert (wallet.action, wallet.channel_id) == ("subscribe", "0x0a0cdc90cc16a0f3e67c296c8c0f7207cbdc0f4e")
    assert (market.action, market.channel_id) == ("subscribe", "8453/0x4200000000000000000000000000000000000006")
    assert (gone.action, gone.channel_id) == ("unsubscribe", market.channel_id)


def test_order_book_diff():
    event = decode_event(golden("ws_order_book_diff"))
    diff = decode(event.data, BookDiff)
    assert (event.action, diff.symbol, diff.timestamp) == ("order_book_diff", "WETH_USDC", 1709294334)
    assert [(text_of(level.price), text_of(level.quantity)) for level in diff.asks] == [("3492.0", "0")]


def test_trade_updated_keeps_its_mixed_spelling():
    event = decode_event(golden("ws_trade_updated"))
    trade = decode(event.data, TradeInfo)
    assert event.action == "trade_updated"
    assert (trade.market_id_camel, trade.market_id) == (BASE_MARKET, msgspec.UNSET)
    assert trade.tx_hash_camel == "0x2f0d41ced1c7d21fe114235dfe363722f5f7026c21441f181ea39768a151c205"
    assert (text_of(trade.price), text_of(trade.amount)) == ("3490.1", "0.5")
    assert trade.taker == "0x0a0cdc90cc16a0f3e67c296c8c0f7207cbdc0f4e"


def test_order_submitted_half_in_old_names():
    event = decode_event(golden("ws_order_submitted_old_names"))
    order = decode(event.data, OrderInfo)
    assert event.action == "order_submitted"
    assert (order.order_id, order.market_id, order.base_currency) == (ORDER_ID, AMOY_MARKET, "WETH")
    assert (order.status, order.cancel.code, order.cancel.reason) == ("cancelled", 611, "user_cancel")
    assert text_of(order.volume_precision) == "1000000000000000000"


def test_order_submitted_as_an_array():
    event = decode_event(golden("ws_order_submitted_array"))
    (order,) = decode(event.data, list[OrderInfo])
    assert order == decode(decode_event(golden("ws_order_submitted_old_names")).data, OrderInfo)


def test_both_spellings_in_one_body_the_new_one_wins():
    body = b'{"order_id": "a", "orderId": "b", "status": "open"}'
    assert decode(body, OrderInfo).order_id == "a"


def test_old_name_inside_a_text_is_left_alone():
    body = golden("http_post_place_body").replace(b"WETH_USDC", b'x\\"chainId\\":')
    assert decode(body, PlaceOrderBody).market_symbol == 'x"chainId":'


@pytest.mark.parametrize("frame", [b'{"code": null, "id": 1}', b"[]", b"pong", b""])
def test_a_frame_without_an_action_is_a_decode_error(frame):
    with pytest.raises(msgspec.DecodeError):
        decode_event(frame)


@pytest.mark.parametrize("body", [b"[1]", b"7", b"null", b"<html>", b""])
def test_a_body_of_another_form_is_a_decode_error(body):
    with pytest.raises(msgspec.DecodeError):
        decode(body, OrderInfo)
    with pytest.raises(msgspec.DecodeError):
        decode(body, list[OrderInfo])
