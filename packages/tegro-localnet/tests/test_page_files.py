"""The page: served under a strict policy, asking no other host, with libraries of others as they were published."""

import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tegro_localnet.page import STATIC

VENDOR = STATIC / "vendor"
MANIFEST = json.loads((STATIC.parent / "vendor.json").read_text())
OWN = sorted(file for file in STATIC.iterdir() if file.suffix in (".html", ".js", ".css"))
# Named for readers, never loaded: what a page may load is what its policy allows.
LINKS = {"https://www.tradingview.com/", "http://www.w3.org/2000/svg"}


def test_the_libraries_are_those_that_are_pinned() -> None:
    pinned = {name: file["sha256"] for entry in MANIFEST for name, file in entry["files"].items()}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in VENDOR.iterdir()}
    assert found == pinned


def test_each_library_comes_with_its_licence() -> None:
    for entry in MANIFEST:
        assert entry["license"] == "Apache-2.0"
        licences = [name for name, file in entry["files"].items() if file["source"] == "LICENSE"]
        assert len(licences) == 1
        assert "Apache License" in (VENDOR / licences[0]).read_text()


@pytest.mark.parametrize("file", OWN, ids=lambda file: file.name)
def test_our_files_name_no_other_host(file: Any) -> None:
    named = set(re.findall(r"(?:https?|wss?):?//[\w.\-/]*", file.read_text()))
    assert named <= LINKS


class Loads(HTMLParser):
    """Collects what a page loads, and what it runs inline."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        path = values.get("src") or (values.get("href") if tag == "link" else None)
        if path:
            self.paths.append(path)
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.inline.append(tag)


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_a_page_loads_only_what_is_served_beside_it(api: Any, page: str) -> None:
    async with api.session.get(api.root + page) as reply:
        text = await reply.text()
        policy = reply.headers["Content-Security-Policy"].split("; ")
    assert reply.status == 200
    assert policy[0] == "default-src 'self'"
    assert not [part for part in policy if "unsafe" in part or "http" in part or "*" in part]
    loads = Loads()
    loads.feed(text)
    assert loads.inline == []
    assert loads.paths
    types = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    for path in loads.paths:
        async with api.session.get(api.root + path) as reply:
            assert (reply.status, reply.content_type) == (200, types[path[path.rindex(".") :]])
            assert reply.headers["X-Content-Type-Options"] == "nosniff"


async def test_every_module_that_is_imported_is_served(api: Any) -> None:
    imported = {path for file in OWN if file.suffix == ".js" for path in re.findall(r'from "(.+)"', file.read_text())}
    assert len(imported) > 10
    for path in imported:
        async with api.session.get(api.root + path) as reply:
            assert (path, reply.status) == (path, 200)


async def test_a_file_that_has_not_changed_is_not_sent_again(api: Any) -> None:
    url = f"{api.root}/page/page.css"
    async with api.session.get(url) as reply:
        tag = reply.headers["ETag"]
    async with api.session.get(url, headers={"If-None-Match": tag}) as reply:
        assert (reply.status, await reply.read()) == (304, b"")


@pytest.mark.parametrize("path", ["/page/", "/page/nothing.js", "/page/vendor/", "/page/__init__.py", "/vendor.json"])
async def test_nothing_else_of_the_package_is_served(api: Any, path: str) -> None:
    assert (await api.get(path))[0] == 404
