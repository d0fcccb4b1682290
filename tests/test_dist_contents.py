"""The wheels and source archives hold the package, all of it, and nothing else; and the check of that can fail."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "dist_contents.py"
NAMES = ("tegro", "tegro-localnet", "hummingbot-tegro")


@pytest.fixture(scope="module")
def contents() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dist_contents", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(contents: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("dist")
    return {each.name: contents.build(each, folder) for each in contents.DISTRIBUTIONS}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_what_is_built(contents: ModuleType, built: dict[str, Any], name: str) -> None:
    assert list(contents.problems(built[name])) == []


def test_the_start_up_file_lies_at_the_root_of_the_plug_in_only(contents: ModuleType, built: dict[str, Any]) -> None:
    at_root = {
        name: [file for file in contents.read_wheel(each.wheel) if "/" not in file] for name, each in built.items()
    }
    assert at_root == {"tegro": [], "tegro-localnet": [], "hummingbot-tegro": ["hummingbot_tegro.pth"]}


def wheel(contents: ModuleType, each: Any) -> tuple[dict[str, bytes], str]:
    files = contents.read_wheel(each.wheel)
    return files, next(name.split("/")[0] for name in files if ".dist-info/" in name)


@pytest.mark.parametrize(
    ("name", "file", "content", "complaint"),
    [
        ("tegro", "tegro/py.typed", None, "lacks tegro/py.typed"),
        ("tegro", "tests/test_rest.py", b"", "has tests/test_rest.py, which is no file of the package"),
        ("tegro", "tegro/rest.py", b"", "tegro/rest.py differs from the checkout"),
        ("tegro", "tegro-0.1.0.dist-info/licenses/LICENSE", None, "does not carry the licence"),
        ("tegro", "tegro-0.1.0.dist-info/entry_points.txt", b"", "lacks the entry point 'tegro = tegro.cli.main:main'"),
        ("tegro-localnet", "tegro_localnet/chain/contracts/token.json", None, "lacks tegro_localnet/chain/contracts"),
        (
            "tegro-localnet",
            "tegro_localnet/page/static/index.html",
            None,
            "lacks tegro_localnet/page/static/index.html",
        ),
        ("hummingbot-tegro", "hummingbot_tegro.pth", None, "lacks hummingbot_tegro.pth"),
    ],
)
def test_a_wrong_wheel_is_named(
    contents: ModuleType, built: dict[str, Any], name: str, file: str, content: bytes | None, complaint: str
) -> None:
    files, info = wheel(contents, built[name])
    if content is None:
        del files[file]
    else:
        files[file] = content
    distribution = built[name].distribution
    found = list(contents.wheel_problems(distribution, files, distribution.sources(), info))
    assert found
    assert all(complaint in sentence for sentence in found)


def test_a_wrong_source_archive_is_named(contents: ModuleType, built: dict[str, Any]) -> None:
    each = built["tegro"]
    files = contents.read_sdist(each.sdist)
    del files["LICENSE"], files["src/tegro/py.typed"]
    files["notes.txt"] = b""
    assert list(contents.sdist_problems(each.distribution, files, each.distribution.sources())) == [
        "the source archive of tegro has notes.txt, which is no file of the package",
        "the source archive of tegro lacks tegro/py.typed",
        "the source archive of tegro lacks LICENSE",
    ]


def test_wrong_metadata_is_named(contents: ModuleType, built: dict[str, Any]) -> None:
    each = built["tegro"]
    files, info = wheel(contents, each)
    text = files[f"{info}/METADATA"]
    check = contents.metadata_problems
    assert list(check(each.distribution, "METADATA", None)) == ["METADATA of tegro is absent"]
    refused = list(check(each.distribution, "METADATA", text.replace(b"\nVersion: ", b"\nVersion: not-")))
    assert len(refused) == 1
    assert "version" in refused[0]
    other = replace(each.distribution, name="hummingbot-tegro")
    assert list(check(other, "METADATA", text)) == [
        "METADATA of hummingbot-tegro: the name is not right",
        "METADATA of hummingbot-tegro: the description is not right",
    ]
