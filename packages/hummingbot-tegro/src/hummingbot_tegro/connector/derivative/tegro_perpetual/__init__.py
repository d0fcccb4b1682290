"""Tegro perpetuals for Hummingbot: proven on localnet only, because no public API of Tegro's own futures is known."""
