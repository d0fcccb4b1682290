"""The files for Docker, without Docker: what they name is there, and their commands do what they are for."""

import re
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml

from hummingbot_tegro.home import FOLDERS

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
IMAGE_FOLDER = "/home/hummingbot/"


@pytest.fixture
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]


@pytest.fixture
def steps():
    """The instructions of the Dockerfile, each in one line, without comments."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line.split(maxsplit=1) for line in lines if line]


def arguments(steps, instruction):
    return [text for name, text in steps if name == instruction]


def test_the_image_is_built_from_files_that_are_there_and_are_sent(steps):
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = [text.split()[0] for text in arguments(steps, "COPY") if not text.startswith("--from")]
    assert set(copied) == sent
    assert {tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"]["name"] for path in copied} == {
        "tegro",
        "hummingbot-tegro",
    }


def test_what_is_built_is_what_is_installed_and_hummingbots_packages_stay(steps):
    build, install, _ = arguments(steps, "RUN")
    targets = [text.split()[1] for text in arguments(steps, "COPY") if not text.startswith("--from")]
    assert build.split("--wheel-dir ")[1].split() == ["/wheels", *targets]
    assert "COPY --from=wheels /wheels /tmp/wheels" in (" ".join(step) for step in steps)
    kept = re.search(r"pip list --format=freeze > (\S+)", install)[1]
    assert re.search(rf"pip install \S+ --constraint {kept} /tmp/wheels/\*\.whl", install)
    assert arguments(steps, "FROM")[-1] == "${HUMMINGBOT_IMAGE}"
    assert arguments(steps, "ARG")[0].startswith("HUMMINGBOT_IMAGE=hummingbot/hummingbot:")


def test_an_image_without_our_connector_is_not_built(steps, small_host, own_plugin):
    check = re.search(r'-c "(.*)"$', arguments(steps, "RUN")[-1])[1]
    assert small_host.run("-c", check).returncode == 0
    (own_plugin / "connector" / "exchange" / "tegro" / "tegro_utils.py").write_text("import not_installed_here")
    broken = small_host.run("-c", check)
    assert (broken.returncode, broken.stderr.splitlines()[-1]) == (1, "KeyError: 'tegro'")


def test_every_folder_of_the_bot_is_kept(compose):
    mounts = dict(volume.split(":") for volume in compose["hummingbot"]["volumes"])
    assert mounts == {f"./bot/{name}": f"{IMAGE_FOLDER}{name}" for name in FOLDERS}
    ignored = (DOCKER / ".gitignore").read_text().splitlines()
    assert {"/bot/", "/bot.env", "/mosquitto/passwords"} <= set(ignored)


def test_the_image_that_runs_is_the_one_that_is_built(compose):
    build = compose["hummingbot"]["build"]
    context = (DOCKER / build["context"]).resolve()
    assert context == ROOT
    assert context / build["dockerfile"] == DOCKER / "Dockerfile"
    assert f"-t {compose['hummingbot']['image']} " in (DOCKER / "Dockerfile").read_text()
    assert compose["hummingbot"]["depends_on"] == ["broker"]


def test_the_broker_wants_a_password_and_is_open_to_this_machine_alone(compose):
    settings = (DOCKER / "mosquitto" / "mosquitto.conf").read_text().splitlines()
    assert "allow_anonymous false" in settings
    assert compose["broker"]["ports"] == ["127.0.0.1:1883:1883"]
    assert compose["broker"]["volumes"] == ["./mosquitto:/mosquitto/config"]
    assert "password_file /mosquitto/config/passwords" in settings
    command = "mosquitto_passwd -c -b /mosquitto/config/passwords hummingbot PASSWORD"
    assert command in (DOCKER / "compose.yaml").read_text()
    assert command in (ROOT / "docs" / "operations.md").read_text()


def test_the_variables_of_a_bot_are_those_that_the_images_program_reads(compose):
    example = (DOCKER / "bot.env.example").read_text()
    names = re.findall(r"^(\w+)=", example, re.MULTILINE)
    program = (Path(sysconfig.get_paths()["scripts"]) / "hummingbot_quickstart.py").read_text()
    assert names == ["CONFIG_PASSWORD", "SCRIPT_CONFIG", "HEADLESS_MODE"]
    assert all(f'os.environ["{name}"]' in program for name in names)
    assert compose["hummingbot"]["env_file"] == [{"path": "bot.env", "required": False}]
