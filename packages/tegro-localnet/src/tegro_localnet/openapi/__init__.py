"""The description of everything that a localnet answers, as OpenAPI 3.1, made from the structs on the wire."""
