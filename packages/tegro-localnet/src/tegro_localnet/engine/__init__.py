"""The matching engine: integers in, values out. It knows no clock, no socket and no chain."""
