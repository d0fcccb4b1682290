"""Register Tegro with a stock Hummingbot.

`hummingbot_tegro.pth` imports this module when an interpreter starts, in every program of the environment. So it loads
nothing but the standard library, never raises, and does nothing until Hummingbot itself is imported. Then one small
hook runs after each Hummingbot module named in `HOOKS`. A hook that does not find what it hooks says so in one line
and leaves Hummingbot as it is.
"""
# pathlib would be loaded by every interpreter of the environment.
# ruff: noqa: PTH100, PTH110, PTH112, PTH118, PTH119, PTH120, PTH123, PTH208

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HOME_VARIABLE = "HUMMINGBOT_TEGRO_HOME"
"""Environment variable that names the home folder. Without it Hummingbot keeps its own folders."""

TESTED_HOSTS = {"20260922": "dev-2.18.0"}
"""The releases of Hummingbot that this version of the plug-in was tested with, and what each calls itself."""

HOST_VERSION = max(TESTED_HOSTS)
"""The newest of them."""

CONNECTOR_KINDS = ("exchange", "derivative")
"""The connector folders of Hummingbot that this package adds to."""

_SITE_FOLDERS = ("site-packages", "dist-packages")
_CONNECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "connector")


class HookFailed(Exception):
    """Something in the host is not as a hook needs it. The text ends without a full stop."""


def register() -> None:
    """Install the hooks. Does nothing when they are installed already.

    Hooks of modules that were imported before are run at once, so a late call works too.
    """
    if any(getattr(finder, "__module__", None) == __name__ for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _HookFinder)
    for name in HOOKS:
        if name in sys.modules:
            _run_hook(sys.modules[name])


class _HookFinder:
    """Lets the other finders find a module and runs its hook after it was executed."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in HOOKS:
            return None
        for finder in sys.meta_path:
            find_spec = None if finder is cls else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec(name, path, target) if find_spec else None
            if spec is not None:
                _hook_loader(spec)
                return spec
        return None


def _hook_loader(spec: ModuleSpec) -> None:
    loader = spec.loader
    if loader is None:
        return
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _run_hook(module)

    try:
        loader.exec_module = exec_module  # type: ignore[method-assign]
    except AttributeError:
        _say("error", spec.name, f"its loader {type(loader).__name__} cannot be extended")


def _run_hook(module: ModuleType) -> None:
    # A loader may be shared by several modules, so this is also called for modules without a hook.
    hook = HOOKS.get(module.__name__)
    if hook is None:
        return
    try:
        hook(module)
    except Exception as error:  # noqa: BLE001  (the host must start whatever happens here)
        _say("error", module.__name__, str(error) or type(error).__name__)


def _say(level: str, where: str, problem: str) -> None:
    import logging

    logging.getLogger(__name__).log(
        logging.ERROR if level == "error" else logging.WARNING,
        "hummingbot-tegro, hook on %s of Hummingbot %s: %s. "
        "Run 'tegro hummingbot doctor' for what to do; this plug-in is made for hummingbot==%s.",
        where,
        host_version(),
        problem,
        HOST_VERSION,
    )


def host_version() -> str:
    """Return what the imported Hummingbot calls itself, for example `dev-2.18.0`, or `of unknown version`."""
    try:
        with open(os.path.join(_host_folder(), "VERSION"), encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, HookFailed):
        return "of unknown version"


def _host_folder() -> str:
    file: str | None = getattr(sys.modules.get("hummingbot"), "__file__", None)
    if not file:
        raise HookFailed("the package hummingbot has no __init__.py, so its installation is broken")
    return os.path.dirname(os.path.realpath(file))


def is_installed(package: str) -> bool:
    """Tell whether a folder `hummingbot` was installed, and does not lie in a source clone."""
    return os.path.basename(os.path.dirname(package)) in _SITE_FOLDERS


def distribution_of(package: str) -> str | None:
    """Return the release that a folder `hummingbot` was installed from, None where it lies in a source clone."""
    if not is_installed(package):
        return None
    import importlib.metadata

    try:
        return importlib.metadata.version("hummingbot")
    except importlib.metadata.PackageNotFoundError:
        return None


def is_tested(version: str, distribution: str | None) -> bool:
    """Tell whether the plug-in was tested with a Hummingbot.

    Parameters
    ----------
    version
        What it calls itself, for example `dev-2.18.0`.
    distribution
        The installed release, for example `20260922`; None for a source clone.
    """
    return TESTED_HOSTS.get(distribution) == version if distribution else version in TESTED_HOSTS.values()


def tested_hosts() -> str:
    """Return the tested releases as a person reads them."""
    return ", ".join(f"{release} ({version})" for release, version in TESTED_HOSTS.items())


def steps_back(kind: str = "exchange") -> bool:
    """Tell whether the imported Hummingbot ships a connector of our name, so that everything of ours leaves it alone.

    Parameters
    ----------
    kind
        One of `CONNECTOR_KINDS`.
    """
    # Half of this plug-in beside somebody else's spot connector would confuse its users.
    return any(_twins(each) for each in dict.fromkeys(("exchange", kind)))


def _twins(kind: str) -> set[str]:
    theirs = os.path.join(_host_folder(), "connector", kind)
    return _connectors_in(os.path.join(_CONNECTORS, kind)) & _connectors_in(theirs)


def _require(owner: object, *names: str) -> None:
    for name in names:
        if not hasattr(owner, name):
            raise HookFailed(f"{getattr(owner, '__name__', owner)} has no {name!r}")


def _connectors_in(folder: str) -> set[str]:
    return {name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name, "__init__.py"))}


def _use_home_folder(module: ModuleType) -> None:
    """Let `hummingbot` keep conf, logs and data in the folder that HOME_VARIABLE names."""
    folder = os.environ.get(HOME_VARIABLE)
    if not folder:
        return
    _require(module, "root_path", "set_prefix_path")
    if "hummingbot.client.settings" in sys.modules:
        raise HookFailed(f"it was loaded before the plug-in, too late for {HOME_VARIABLE}")
    from hummingbot_tegro.home import attach_host

    root = attach_host(folder, _host_folder())
    module.root_path = lambda: root  # type: ignore[attr-defined]
    module.set_prefix_path(str(root))


def _extend_connectors(module: ModuleType) -> None:
    """Make `hummingbot.connector.<kind>.<ours>` importable."""
    kind = module.__name__.rpartition(".")[2]
    ours = os.path.join(_CONNECTORS, kind)
    if not os.path.isdir(ours):
        raise HookFailed("our connector folder is gone, install hummingbot-tegro again or uninstall it")
    _require(module, "__path__")
    if ours in module.__path__:
        return
    twins = _twins(kind)
    if twins:
        _say("warning", module.__name__, f"it ships its own {', '.join(sorted(twins))}, which is used instead of ours")
    if not steps_back(kind):
        module.__path__.append(ours)


def _list_connectors(module: ModuleType) -> None:
    """Make the folder scan of `hummingbot.client.settings` see our connectors, so that all of its own logic applies."""
    _require(module, "scandir", "AllConnectorSettings")
    _require(
        module.AllConnectorSettings,
        "all_connector_settings",
        "create_connector_settings",
        "initialize_paper_trade_settings",
        "paper_trade_connectors_names",
    )
    stock_scandir: Callable[[str], Iterator[os.DirEntry[str]]] = module.scandir
    stock_connectors = os.path.realpath(os.path.join(_host_folder(), "connector"))

    def scandir(path: str = ".") -> Iterator[os.DirEntry[str]]:
        listed = set()
        for entry in stock_scandir(path):
            # What is left of a removed connector is a folder without code, which the host passes over.
            if os.path.exists(os.path.join(entry.path, "__init__.py")):
                listed.add(entry.name)
            yield entry
        parent, kind = os.path.split(os.path.realpath(path))
        ours = os.path.join(_CONNECTORS, kind)
        if parent == stock_connectors and kind in CONNECTOR_KINDS and os.path.isdir(ours) and not steps_back(kind):
            yield from (entry for entry in stock_scandir(ours) if entry.name not in listed and _loads(kind, entry))

    module.scandir = scandir  # type: ignore[attr-defined]
    _add_to_filled_settings(module.AllConnectorSettings)
    _warn_of_an_untested_host()


def _warn_of_an_untested_host() -> None:
    distribution = distribution_of(_host_folder())
    if is_tested(host_version(), distribution):
        return
    import logging

    logging.getLogger(__name__).warning(
        "hummingbot-tegro was not tested with Hummingbot %s%s, only with %s. It goes on; "
        "'tegro hummingbot doctor' says whether all of it is there.",
        host_version(),
        f", release {distribution}" if distribution else "",
        tested_hosts(),
    )


def _loads(kind: str, entry: os.DirEntry[str]) -> bool:
    """Tell whether the host can load a connector. The host itself would drop one silently, or die of it."""
    if not os.path.exists(os.path.join(entry.path, "__init__.py")):
        return False
    module = f"hummingbot.connector.{kind}.{entry.name}.{entry.name}_utils"
    try:
        __import__(module)
    except Exception as error:  # noqa: BLE001  (the host must start whatever happens here)
        _say("error", "hummingbot.client.settings", f"{entry.name} is left out, {module} does not load ({error})")
        return False
    return True


def _add_to_filled_settings(settings: ModuleType) -> None:
    """Add our connectors to settings that were filled before us.

    The dictionary is kept, because others hold it, and so are its entries, because they may hold decrypted keys.
    """
    filled = settings.all_connector_settings
    if not filled:
        return
    fresh = settings.create_connector_settings()
    filled.update({name: setting for name, setting in fresh.items() if name not in filled})
    settings.all_connector_settings = filled  # type: ignore[attr-defined]
    settings.initialize_paper_trade_settings(settings.paper_trade_connectors_names)


def _add_feeds(module: ModuleType) -> None:
    """Register candle feeds and rate sources."""
    if steps_back():
        return
    from hummingbot_tegro.boot_feeds import add_feeds

    add_feeds(module)


def _add_paper(module: ModuleType) -> None:
    """Put our paper exchanges in, where there is something that they could read."""
    if not os.path.isdir(os.path.join(_CONNECTORS, "exchange")) or steps_back():
        return
    from hummingbot_tegro.boot_paper import add_paper

    add_paper(module)


def _add_to_settings(module: ModuleType) -> None:
    """List our connectors, and what stands for their paper exchanges."""
    _list_connectors(module)
    _add_paper(module)


def _mend_commands(module: ModuleType) -> None:
    """Let every command of the MQTT bridge work."""
    _require(module, "HummingbotApplication")
    _require(module.HummingbotApplication, "start", "start_check")
    from hummingbot_tegro.boot_commands import mend_commands

    mend_commands(module)


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "hummingbot": _use_home_folder,
    "hummingbot.connector.exchange": _extend_connectors,
    "hummingbot.connector.derivative": _extend_connectors,
    "hummingbot.connector.exchange.paper_trade": _add_paper,
    "hummingbot.client.settings": _add_to_settings,
    "hummingbot.data_feed.candles_feed.candles_factory": _add_feeds,
    "hummingbot.core.rate_oracle.rate_oracle": _add_feeds,
    "hummingbot.client.config.client_config_map": _add_feeds,
    "hummingbot.client.command.connect_command": _add_paper,
    "hummingbot.cli.commands.connect": _add_paper,
    "hummingbot.client.hummingbot_application": _mend_commands,
}
"""Module of Hummingbot, and the step that follows its import."""

register()
