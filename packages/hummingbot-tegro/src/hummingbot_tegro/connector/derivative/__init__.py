"""Perpetual connectors."""
