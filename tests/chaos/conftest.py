"""The order of these tests."""

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a test that looks back on the others of its module behind them, in whatever order those run."""
    for item in [item for item in items if item.get_closest_marker("looks_back")]:
        items.remove(item)
        last = max((place for place, other in enumerate(items) if other.path == item.path), default=len(items) - 1)
        items.insert(last + 1, item)
