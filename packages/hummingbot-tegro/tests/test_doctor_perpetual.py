"""What the check-up says of the perpetual connectors, from real files and a real venue."""

import socket

import httpx
import pytest

from hummingbot_tegro.doctor_perpetual import perpetual_findings
from hummingbot_tegro.finding import Level
from hummingbot_tegro.home import create_home

NOT_PROVEN = "perpetuals are proven on localnet only"


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def findings(home):
    path = home / "conf" / "tegro.toml"

    def find(text="", *, keys=()):
        path.write_text(text)
        for domain in keys:
            (home / "conf" / "connectors" / f"{domain}.yml").touch()
        return list(perpetual_findings(home, path, {}))

    return find


@pytest.fixture
def venue_clock(localnet):
    """Return what puts the venue's clock ahead; it goes right again after the test."""

    def put_ahead(offset_ms):
        answer = httpx.put(f"{localnet.rest_url}/localnet/clock", json={"offset_ms": offset_ms})
        assert answer.status_code == 200, answer.text

    yield put_ahead
    put_ahead(0)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_who_has_no_perpetual_keys_and_says_nothing_of_perpetuals_reads_nothing_of_them(findings):
    assert findings() == []
    assert findings("[mainnet]\nchain = 'base'\n") == []


def test_an_environment_in_the_settings_is_read_and_no_host_is_asked(findings, home):
    path = home / "conf" / "tegro.toml"
    options, host, stream = findings("[perpetual.testnet.hummingbot]\norders_at_start = 'adopt'\n")
    assert (options.level, options.text) == (Level.OK, "tegro_perpetual_testnet: orders_at_start adopt")
    assert host.level is Level.NOTE
    assert host.text.startswith(
        "tegro_perpetual_testnet: nothing signed goes to testnet.tegrofuture.com before you confirm that host"
    )
    assert host.mend == f"TEGRO_SETTINGS={path} tegro perp confirm --env testnet"
    assert stream.level is Level.NOTE
    assert "wss://stream.tegrofuture.com is a guess" in stream.text


def test_an_unconfirmed_host_is_an_error_where_there_are_keys_for_it(findings):
    url = f"http://0.0.0.0:{closed_port()}"
    _, host, *_ = findings(f"[perpetual.testnet]\nrest_url = '{url}'\n", keys=["tegro_perpetual_testnet"])
    assert host.level is Level.ERROR
    assert "before you confirm that host" in host.text


def test_a_confirmed_host_is_a_note_that_still_says_what_is_not_proven(findings):
    _, host = findings(
        "[perpetual.testnet]\nconfirmed_host = 'testnet.tegrofuture.com'\nstream_url = 'wss://stream.example.com'\n"
    )
    assert host.level is Level.NOTE
    assert "signed requests go to testnet.tegrofuture.com" in host.text
    assert NOT_PROVEN in host.text


def test_keys_for_a_venue_without_a_host_are_an_error_that_says_what_to_set(findings):
    [finding] = findings(keys=["tegro_perpetual"])
    assert finding.level is Level.ERROR
    assert "no host of the perpetual mainnet is known: set rest_url in [perpetual.mainnet]" in finding.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("perpetual = 3\n", "[perpetual] must be a table"),
        ("[perpetual.localnet]\nrest_ulr = 'x'\n", "rest_ulr"),
        ("[perpetual.localnet.hummingbot]\norders_at_start = 'keep'\n", "must be one of cancel, adopt, was 'keep'"),
    ],
)
def test_a_mistake_in_the_table_is_named_with_the_file(findings, home, text, said):
    [finding] = findings(text)
    assert finding.level is Level.ERROR
    assert said in finding.text
    assert str(home / "conf" / "tegro.toml") in finding.text


def test_a_venue_that_answers_is_well_and_its_clock_is_compared(findings, localnet, venue_clock):
    text = f"[perpetual.localnet]\nrest_url = '{localnet.rest_url}'\n"
    options, venue = findings(text, keys=["tegro_perpetual_localnet"])
    assert options.level is Level.OK
    assert (venue.level, venue.text) == (
        Level.OK,
        f"tegro_perpetual_localnet: {localnet.rest_url} answers, with 2 contracts",
    )
    venue_clock(90_000)
    _, venue = findings(text)
    assert venue.level is Level.WARNING
    assert "its clock is " in venue.text
    assert venue.text.endswith("s ahead of this machine's")
    venue_clock(-90_000)
    _, venue = findings(text)
    assert venue.text.endswith("s behind this machine's")


def test_a_silent_venue_is_an_error(findings, home):
    url = f"http://127.0.0.1:{closed_port()}"
    _, venue = findings(f"[perpetual.localnet]\nrest_url = '{url}'\n", keys=["tegro_perpetual_localnet"])
    assert venue.level is Level.ERROR
    assert venue.text.startswith(f"tegro_perpetual_localnet: {url} is no perpetual venue at this moment: ")
    assert venue.mend == f"look at the network, or at [perpetual.localnet] rest_url in {home / 'conf' / 'tegro.toml'}"
