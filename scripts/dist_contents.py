"""Build the three distributions and say what is wrong with their contents.

Used by `scripts/dist_check.py` and by `tests/test_dist_contents.py`.
"""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parent.parent
SDIST_EXTRAS = ("pyproject.toml", "README.md", "LICENSE", "PKG-INFO", ".gitignore")


@dataclass(frozen=True)
class Distribution:
    """One of the packages in `packages/`."""

    name: str
    entry_points: tuple[str, ...]
    """Lines that its entry points must have."""
    root_files: tuple[str, ...] = ()
    """Files that lie beside its package, at the root of site-packages."""
    needed: tuple[str, ...] = ()
    """Files of its package that are no modules and must not be forgotten."""

    @property
    def import_name(self) -> str:
        """Name of its package, and the beginning of its files' names."""
        return self.name.replace("-", "_")

    @property
    def folder(self) -> Path:
        """Where its source is."""
        return ROOT / "packages" / self.name

    def sources(self) -> dict[str, bytes]:
        """Return the files of its package as they are in the checkout, by the name they have in site-packages."""
        root = self.folder / "src"
        files = [path for path in (root / self.import_name).rglob("*") if path.is_file()]
        files += [root / name for name in self.root_files]
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in files
            if "__pycache__" not in path.parts and path.suffix != ".pyc"
        }


CONTRACTS = "tegro_localnet/chain/contracts"
PAGE = "tegro_localnet/page"
DISTRIBUTIONS = (
    Distribution("tegro", ("tegro = tegro.cli.main:main",), needed=("tegro/py.typed",)),
    Distribution(
        "tegro-localnet",
        ("localnet = tegro_localnet.cli:app", "tegro_localnet = tegro_localnet.pytest_plugin"),
        needed=(
            "tegro_localnet/py.typed",
            *(f"{CONTRACTS}/{name}.{ending}" for name in ("exchange", "settler") for ending in ("json", "vy")),
            *(f"{CONTRACTS}/{name}_no_expiry.json" for name in ("exchange", "settler")),
            f"{CONTRACTS}/exchange_core.vy",
            f"{CONTRACTS}/token.json",
            f"{CONTRACTS}/token.vy",
            *(f"{PAGE}/{name}" for name in ("vendor.json", "static/index.html", "static/main.js", "static/docs.html")),
            f"{PAGE}/static/vendor/lightweight-charts.js",
            f"{PAGE}/static/vendor/swagger-ui-bundle.js",
        ),
    ),
    Distribution(
        "hummingbot-tegro",
        ("hummingbot = hummingbot_tegro.cli:app",),
        root_files=("hummingbot_tegro.pth",),
        needed=("hummingbot_tegro/py.typed",),
    ),
)


@dataclass(frozen=True)
class Built:
    """The two files of a distribution."""

    distribution: Distribution
    sdist: Path
    wheel: Path


def build(distribution: Distribution, folder: Path) -> Built:
    """Build the source archive from the checkout, and the wheel from that archive as an installer would.

    Raises
    ------
    RuntimeError
        With the end of hatchling's output, if it fails.
    """
    unpacked = folder / "unpacked" / distribution.name
    sdist = run_hatchling(distribution.folder, "sdist", folder)
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    wheel = run_hatchling(unpacked / sdist.name.removesuffix(".tar.gz"), "wheel", folder)
    return Built(distribution, sdist, wheel)


def problems(built: Built) -> Iterator[str]:
    """Yield one sentence for each thing that is wrong with the two files of a distribution."""
    distribution = built.distribution
    sources = distribution.sources()
    wheel, sdist = read_wheel(built.wheel), read_sdist(built.sdist)
    info = next((name.split("/")[0] for name in wheel if ".dist-info/" in name), "")
    yield from wheel_problems(distribution, wheel, sources, info)
    yield from sdist_problems(distribution, sdist, sources)
    for file, content in (*wheel.items(), *sdist.items()):
        if str(ROOT).encode() in content:
            yield f"{distribution.name}: {file} names the folder of this checkout"
    for name, text in (("METADATA", wheel.get(f"{info}/METADATA")), ("PKG-INFO", sdist.get("PKG-INFO"))):
        yield from metadata_problems(distribution, name, text)


def wheel_problems(
    distribution: Distribution, files: Mapping[str, bytes], sources: Mapping[str, bytes], info: str
) -> Iterator[str]:
    """Yield what is wrong with the names and contents of a wheel's files; `info` is its `.dist-info` folder."""
    name = f"the wheel of {distribution.name}"
    package = {file: content for file, content in files.items() if not file.startswith(f"{info}/")}
    yield from _differences(name, package, sources)
    yield from (f"{name} lacks {file}" for file in distribution.needed if file not in files)
    if files.get(f"{info}/licenses/LICENSE") != (ROOT / "LICENSE").read_bytes():
        yield f"{name} does not carry the licence of this project in {info}/licenses/LICENSE"
    entry_points = files.get(f"{info}/entry_points.txt", b"").decode().splitlines()
    yield from (
        f"{name} lacks the entry point {line!r}" for line in distribution.entry_points if line not in entry_points
    )


def sdist_problems(
    distribution: Distribution, files: Mapping[str, bytes], sources: Mapping[str, bytes]
) -> Iterator[str]:
    """Yield what is wrong with the names and contents of a source archive's files."""
    name = f"the source archive of {distribution.name}"
    inside = {
        file.removeprefix("src/"): content
        for file, content in files.items()
        if file not in SDIST_EXTRAS and not file.startswith("tests/")
    }
    yield from _differences(name, inside, sources)
    yield from (f"{name} lacks {file}" for file in SDIST_EXTRAS[:4] if file not in files)


def metadata_problems(distribution: Distribution, name: str, text: bytes | None) -> Iterator[str]:
    """Yield what an index would refuse or a reader would miss in the metadata of a distribution."""
    place = f"{name} of {distribution.name}"
    if text is None:
        yield f"{place} is absent"
        return
    try:
        metadata = Metadata.from_email(text, validate=True)
    except ExceptionGroup as group:
        yield from (f"{place}: {error}" for error in group.exceptions)
        return
    readme = (distribution.folder / "README.md").read_text()
    wanted = {
        "name": (metadata.name, distribution.name),
        "licence": (metadata.license_expression, "Apache-2.0"),
        "description": (metadata.description, readme),
        "type of the description": (metadata.description_content_type, "text/markdown"),
    }
    yield from (f"{place}: the {what} is not right" for what, (found, expected) in wanted.items() if found != expected)
    if not metadata.summary or not metadata.requires_python:
        yield f"{place} lacks a summary or the Python versions"


def read_wheel(path: Path) -> dict[str, bytes]:
    """Return the files of a wheel by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_sdist(path: Path) -> dict[str, bytes]:
    """Return the files of a source archive by their name below its only folder."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            found[member.name.split("/", 1)[-1]] = file.read() if file else b""
    return found


def _differences(name: str, found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> Iterator[str]:
    yield from (f"{name} has {file}, which is no file of the package" for file in found.keys() - expected.keys())
    yield from (f"{name} lacks {file}" for file in sorted(expected.keys() - found.keys()))
    yield from (
        f"{name}: {file} differs from the checkout"
        for file in found.keys() & expected.keys()
        if found[file] != expected[file]
    )


def run_hatchling(source: Path, target: str, folder: Path) -> Path:
    """Build the `target` (sdist or wheel) of a source tree below a folder; return the file.

    Raises
    ------
    RuntimeError
        With the end of hatchling's output, if it fails.
    """
    made = folder / f"{target}-{source.name}"
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", made],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        message = f"hatchling cannot build the {target} of {source.name}: {(done.stderr or done.stdout).strip()[-600:]}"
        raise RuntimeError(message)
    [file] = made.iterdir()
    return file
