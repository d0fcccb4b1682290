"""Perpetual contracts on integers: commands in, events out. It knows no clock, no socket and no randomness."""
