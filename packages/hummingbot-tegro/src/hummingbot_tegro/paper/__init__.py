"""Paper trading that is honest: simulated orders against Tegro's live order books and trades.

`engine` and what it stands on are pure; `exchange` is the connector that Hummingbot gets for `tegro_paper_trade`.
"""
