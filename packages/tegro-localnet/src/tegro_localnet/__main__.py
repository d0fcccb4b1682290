"""`python -m tegro_localnet` is `tegro localnet`."""

from tegro_localnet.cli import app

if __name__ == "__main__":
    app(prog_name="tegro localnet")
