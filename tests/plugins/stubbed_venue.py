"""What a stubbed venue answers a client: chains, markets, orders, pages."""

import json

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
EXCHANGE = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
CHAINS = "/api/v1/exchange/chain/list"
MARKETS = "/api/v1/exchange/31337/market/list"
ORDERS = f"/api/v1/trading/market/orders/user/{WALLET.lower()}"
PLACE = "/api/v1/trading/market/orders/place"
CANCEL = "/api/v1/trading/market/orders/cancel"
DEADLINE_SECS = 20


def chain_list(exchange=EXCHANGE, chain_id=31337):
    row = {"id": chain_id, "name": "localnet", "exchange_contract": exchange, "min_order_value": "2000000"}
    row["default_quote_token_contract_address"] = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
    return json.dumps([row])


def market_row(number):
    base = f"0x{number:040x}"
    quote = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"
    return {
        "id": f"31337_{base}_{quote}",
        "symbol": f"T{number}_USDT",
        "chainId": 31337,
        "base_contract_address": base,
        "base_symbol": f"T{number}",
        "base_decimal": 18,
        "base_precision": 6,
        "quote_contract_address": quote,
        "quote_symbol": "USDT",
        "quote_decimal": 6,
        "quote_precision": 10,
    }


def order_row(number, order_hash="", status="open"):
    return {"order_id": str(number), "order_hash": order_hash, "side": "buy", "status": status}


def paged(stub, rows, largest_page):
    """Serve rows in pages, giving at most `largest_page` whatever is asked for."""

    async def handler(request):
        size = min(int(request.query["page_size"]), largest_page)
        start = (int(request.query["page"]) - 1) * size
        return await stub.reply(json.dumps(rows[start : start + size]))(request)

    return handler
