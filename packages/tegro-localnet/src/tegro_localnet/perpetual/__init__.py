"""The perpetual venue of localnet: the dialect of Binance's USD-M futures. No such API of Tegro is known."""
