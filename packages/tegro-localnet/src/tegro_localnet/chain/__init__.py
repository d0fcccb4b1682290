"""The chain of localnet: contracts, the embedded EVM node, its JSON-RPC client, deployment and settlement."""
