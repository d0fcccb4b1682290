"""Localnet's page in a browser: plain files, served as they lie here.

`static/vendor` holds libraries of others, unchanged; `vendor.json` says which, and `scripts/vendor` fetches them.
"""

from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
"""The folder of everything that a browser may ask for."""
