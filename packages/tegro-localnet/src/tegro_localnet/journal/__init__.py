"""What a localnet writes down so that a killed one comes back with nothing lost. Used only with a data folder."""
