"""The doors of the perpetual venue: signed REST and streams in the dialect of USD-M futures."""
