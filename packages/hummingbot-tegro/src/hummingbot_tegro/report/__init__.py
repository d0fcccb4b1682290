"""The report of a bot: what it traded and earned, from Hummingbot's database and our journal."""
