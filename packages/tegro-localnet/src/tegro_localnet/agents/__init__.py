"""Seeded traders that keep the markets alive. They use the front door: signed orders through the same intake."""
