"""Scripts for Hummingbot; `tegro hummingbot init` copies them into a home folder."""
