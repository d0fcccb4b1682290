"""Our connectors. The hook in `hummingbot_tegro.boot` makes them importable as `hummingbot.connector...`."""
