"""The home folder."""

import stat
from pathlib import Path

import pytest

from hummingbot_tegro.home import FOLDERS, attach_host, create_home, default_home
from tegro.errors import InvalidInput


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "site-packages" / "hummingbot"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


def test_a_new_home_has_every_folder_and_says_what_it_is(tmp_path):
    home = tmp_path / "new" / "home"
    made = create_home(home)
    assert made[0] == home
    assert {str(path.relative_to(home)) for path in made[1:]} == {*FOLDERS, "README.txt"}
    assert all((home / name).is_dir() for name in FOLDERS)
    assert "tegro hummingbot tui" in (home / "README.txt").read_text()


def test_the_folder_of_keys_is_for_its_owner_alone(home):
    for folder in (home, home / "conf", home / "conf" / "connectors"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_making_it_again_changes_nothing(home):
    (home / "README.txt").write_text("mine")
    (home / "conf" / "conf_client.yml").write_text("mine too")
    (home / "logs").rmdir()
    assert create_home(home) == [home / "logs"]
    assert (home / "README.txt").read_text() == "mine"
    assert (home / "conf" / "conf_client.yml").read_text() == "mine too"


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        InvalidInput, match=r"cannot make the home folder .*/file/home: Not a directory\. Choose another path\."
    ):
        create_home(tmp_path / "file" / "home")


def test_the_link_is_made_kept_and_mended(home, package, tmp_path):
    assert attach_host(home, package) == home
    assert (home / "hummingbot").resolve() == package
    before = (home / "hummingbot").lstat()
    attach_host(home, package)
    assert (home / "hummingbot").lstat().st_ino == before.st_ino
    other = tmp_path / "other" / "hummingbot"
    other.mkdir(parents=True)
    attach_host(home, other)
    assert (home / "hummingbot").resolve() == other
    assert sorted(path.name for path in home.iterdir() if path.name.startswith(".")) == []


def test_a_link_to_an_uninstalled_hummingbot_is_mended(home, package, tmp_path):
    (home / "hummingbot").symlink_to(tmp_path / "gone")
    attach_host(home, package)
    assert (home / "hummingbot").resolve() == package


def test_a_source_clone_is_its_own_home_and_gets_no_link(tmp_path):
    clone = tmp_path / "clone"
    create_home(clone)
    (clone / "hummingbot").mkdir()
    assert attach_host(clone, clone / "hummingbot") == clone
    assert not (clone / "hummingbot").is_symlink()


def test_a_foreign_source_clone_is_left_alone(home, package):
    (home / "hummingbot").mkdir()
    with pytest.raises(InvalidInput, match="is not a link but a Hummingbot of its own"):
        attach_host(home, package)
    assert list((home / "hummingbot").iterdir()) == []


def test_a_folder_that_is_no_home_names_the_command_that_makes_one(tmp_path, package):
    with pytest.raises(InvalidInput, match=rf"\(certs is missing\): tegro hummingbot init {tmp_path}$"):
        attach_host(tmp_path, package)


def test_the_default_is_the_variable_or_a_folder_of_the_user():
    assert default_home({"HUMMINGBOT_TEGRO_HOME": "/bots/one"}) == Path("/bots/one")
    assert default_home({"HUMMINGBOT_TEGRO_HOME": ""}) == Path.home() / ".tegro" / "hummingbot"
    assert default_home({}) == Path.home() / ".tegro" / "hummingbot"
