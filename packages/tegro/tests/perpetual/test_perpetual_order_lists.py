"""Own orders by the venue's ids: one of them, and many in pages."""

import pytest

from tegro.errors import NotConnected


async def test_an_order_is_found_by_the_venues_id(client, venue, order_body):
    venue.answer("GET", "v1/order", order_body(orderId=8), (400, {"code": -2013, "msg": "Order does not exist."}))
    found = await client.order_by_id("ETHUSDT", 8)
    assert (found.order_id, found.client_order_id) == (8, "mine")
    assert await client.order_by_id("ETHUSDT", 9) is None
    asked = [each.parameters for each in venue.of("GET", "v1/order")]
    assert [(each["orderId"], "origClientOrderId" in each) for each in asked] == [("8", False), ("9", False)]


async def test_orders_are_read_page_by_page_and_no_further_than_asked(client, venue, order_body):
    def page(first, count):
        return [order_body(f"order-{number}", orderId=number) for number in range(first, first + count)]

    venue.answer("GET", "v1/allOrders", page(5, 1000), page(1005, 1000), page(2005, 1000))
    found = await client.orders("ETHUSDT", from_id=5, to_id=1500)
    assert [order.order_id for order in found] == list(range(5, 1501))
    asked = [each.parameters for each in venue.of("GET", "v1/allOrders")]
    assert [(each["orderId"], each["limit"]) for each in asked] == [("5", "1000"), ("1005", "1000")]


async def test_a_short_page_is_the_last(client, venue, order_body):
    venue.answer("GET", "v1/allOrders", [order_body(orderId=7)], [])
    assert [order.order_id for order in await client.orders("ETHUSDT", from_id=5, to_id=1500)] == [7]
    assert await client.orders("ETHUSDT", from_id=8, to_id=1500) == []


async def test_a_list_that_cannot_be_read_is_an_error(client, venue):
    venue.standing["GET", "v1/allOrders"] = (502, "bad gateway")
    with pytest.raises(NotConnected):
        await client.orders("ETHUSDT", from_id=5, to_id=6)
