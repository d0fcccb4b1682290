"""Controllers of Hummingbot's V2 strategies for Tegro; `tegro hummingbot init` copies them into a home folder."""
