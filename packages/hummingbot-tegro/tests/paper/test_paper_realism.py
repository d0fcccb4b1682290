"""Settings of realism: presets, single settings, and sentences about mistakes."""

import pytest
from msgspec.structs import asdict

from hummingbot_tegro.paper.realism import PRESETS, read_realism, realism_for
from tegro.errors import InvalidInput


def test_without_a_table_it_is_neutral():
    assert read_realism({}, "here") == PRESETS["neutral"]


@pytest.mark.parametrize("name", PRESETS)
def test_each_preset_has_a_name_and_each_setting_can_be_replaced(name):
    assert read_realism({"realism": name}, "here") == PRESETS[name]
    other = {"order_latency_ms": 7, "cancel_latency_ms": 8, "queue_ahead": "nothing", "cancels_ahead": "none"}
    assert asdict(read_realism({"realism": name, **other}, "here")) == other


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"realism": "perfect"}, "here realism must be one of optimistic, neutral, strict, was 'perfect'"),
        ({"queue": 1}, "here has an unknown key 'queue'; known are realism, order_latency_ms,"),
        ({"order_latency_ms": -1}, "here order_latency_ms must be a whole number, not below zero, was -1"),
        ({"cancels_ahead": "half"}, "here cancels_ahead must be one of none, share, all, was 'half'"),
        ({"queue_ahead": 2}, "here queue_ahead must be one of whole, nothing, was 2"),
    ],
)
def test_a_mistake_is_one_sentence(table, sentence):
    with pytest.raises(InvalidInput) as caught:
        read_realism(table, "here")
    assert str(caught.value).startswith(sentence)


def test_each_environment_has_its_own(tmp_path, monkeypatch):
    path = tmp_path / "tegro.toml"
    path.write_text('[mainnet.paper]\nrealism = "strict"\n[testnet.paper]\norder_latency_ms = 1\n')
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    assert realism_for("tegro") == PRESETS["strict"]
    assert realism_for("tegro_testnet").order_latency_ms == 1
    assert realism_for("tegro_localnet") == PRESETS["neutral"]
    path.write_text("[mainnet.paper]\nrealism = 3\n")
    with pytest.raises(InvalidInput, match=r"tegro.toml: \[mainnet.paper\] realism must be one of"):
        realism_for("tegro")
