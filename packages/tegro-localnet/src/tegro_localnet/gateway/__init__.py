"""The venue's doors: REST, WebSocket and localnet's own control paths. Each only decodes, asks the venue, encodes."""
