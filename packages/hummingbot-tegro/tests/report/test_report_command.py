"""`tegro hummingbot report` as a user runs it."""

import json
import re
import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest

from hummingbot_tegro.report.figures import MarketFigures, Moment
from hummingbot_tegro.report.plots import draw
from tegro.model import Side

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot", "report")


@pytest.fixture
def traded(make_database):
    """A bot that bought and sold on two connectors."""
    database = make_database()
    for index, (side, price) in enumerate((("buy", "2990.5"), ("sell", "3010"), ("buy", "2985"))):
        at_ms = 1_795_000_000_000 + 60_000 * index
        order = database.order(side, price, "0.25", at_ms=at_ms, last_status=f"{side.capitalize()}OrderCompleted")
        database.fill(order, side, price, "0.25", at_ms=at_ms + 5000)
    database.order("sell", "1", "1", market="<other>", pair="A<b>-USDC")
    return database


def test_tables_json_and_page(traded, installed_layout, tmp_path):
    page = tmp_path / "report.html"
    home = traded.path.parents[1]
    shown = installed_layout.run(*TEGRO, "--home", home, "--html", page)
    assert (shown.returncode, shown.stderr) == (0, "")
    for words in ("PnL by market", "WETH-USDC tegro_localnet", "Quotes against fills", "A<b>-USDC <other>", "5 s"):
        assert words in shown.stdout
    assert f"wrote {page}" in shown.stdout

    figures = json.loads(installed_layout.run(*TEGRO, "--db", traded.path, "--json").stdout)
    market = figures["markets"][1]
    base = Decimal("0.25") - Decimal("0.5") * 7 / 10_000
    quote = Decimal("752.5") * 9993 / 10_000 - (Decimal("2990.5") + 2985) / 4
    assert Decimal(market["base_change"]) == base
    assert Decimal(market["quote_change"]) == quote
    assert Decimal(market["net_pnl"]) == quote + base * 2985

    text = page.read_text()
    assert not re.search(r"<(script|link|img|iframe)|@import|(src|href)=\"(?!#)", text), "the page loads something"
    assert "A&lt;b&gt;-USDC" in text
    [drawing] = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    words = {element.text for element in ET.fromstring(drawing).iter() if element.text}
    assert {"buy (2)", "sell (1)", "inventory, WETH", "net PnL, USDC"} <= words
    assert "2026-11-18" in text


def test_the_same_data_is_the_same_page(traded, installed_layout, tmp_path):
    pages = [tmp_path / name for name in ("a.html", "b.html")]
    for page in pages:
        assert installed_layout.run(*TEGRO, "--db", traded.path, "--html", page).returncode == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--db", "nowhere.sqlite"), "there is no database nowhere.sqlite"),
        (("--home", "nowhere"), "no bot has recorded an order in "),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(installed_layout, arguments, said):
    done = installed_layout.run(*TEGRO, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tegro: {said}")
    assert done.stderr.count("\n") == 1


def test_a_page_that_cannot_be_written_is_one_sentence(traded, installed_layout, tmp_path):
    done = installed_layout.run(*TEGRO, "--db", traded.path, "--html", tmp_path / "no" / "page.html")
    assert done.returncode == 2
    assert "page.html cannot be written: No such file or directory" in done.stderr


def test_a_plot_of_very_many_fills_stays_small():
    moments = [
        Moment(at_ms=1000 * at, side=Side.BUY, price=Decimal(at % 97 + 1), inventory=Decimal(at), net_pnl=Decimal(-at))
        for at in range(20_000)
    ]
    zero = dict.fromkeys(
        ("bought", "sold", "volume", "last_price", "position", "base_change", "quote_change"), Decimal(0)
    )
    zero |= dict.fromkeys(("realised_pnl", "unrealised_pnl", "fees_value", "net_pnl"), Decimal(0))
    market = MarketFigures(
        connector="c",
        pair="A-B",
        fills=len(moments),
        exact_fills=0,
        average_cost=None,
        fees={},
        quotes=(),
        spread_bps=None,
        moments=moments,
        **zero,
    )
    drawing = draw(market)
    assert len(drawing) < 500_000
    assert "buy (20000)" in drawing
