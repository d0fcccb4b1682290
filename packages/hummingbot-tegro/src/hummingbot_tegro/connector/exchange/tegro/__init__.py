"""The spot connector `tegro`. Hummingbot imports it as `hummingbot.connector.exchange.tegro`."""
