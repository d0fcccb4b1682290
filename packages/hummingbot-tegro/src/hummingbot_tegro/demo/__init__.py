"""`tegro demo`: a stock Hummingbot makes a market on a local Tegro, and four books of it are compared at the end."""
