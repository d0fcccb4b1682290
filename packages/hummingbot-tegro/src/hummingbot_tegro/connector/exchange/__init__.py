"""Spot connectors."""
