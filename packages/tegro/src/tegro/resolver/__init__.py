"""What ends the doubt about an order: it is looked for by its hash until it is found or can no longer execute."""

from tegro.resolver.resolver import Resolver
from tegro.resolver.sources import ChainSource, OrderSource
from tegro.resolver.verdict import STATUS_FILTERS, ResolverPolicy, reserved

__all__ = ["STATUS_FILTERS", "ChainSource", "OrderSource", "Resolver", "ResolverPolicy", "reserved"]
