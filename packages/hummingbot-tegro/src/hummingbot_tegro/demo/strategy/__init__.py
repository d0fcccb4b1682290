"""The demo bot's strategy: a decision of its own, and the controller and script that carry it into Hummingbot."""
