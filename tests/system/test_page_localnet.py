"""Localnet's page in a real browser: headless Chromium, driven by playwright."""

import json
import re
from decimal import Decimal
from shutil import which

import httpx
import pytest
from eth_account import Account
from playwright.async_api import async_playwright, expect

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

pytestmark = pytest.mark.system

DEADLINE_MS = 60_000
SYMBOL = "WETH_USDC"


@pytest.fixture
async def browser():
    chromium = which("chromium") or which("chromium-browser") or which("google-chrome")
    assert chromium, "Chromium is missing: run scripts/system-tools"
    async with async_playwright() as playwright:
        # Without its sandbox it also runs as root; it opens nothing but this machine's own page.
        started = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        await started.close()


@pytest.fixture
async def open_page(browser, localnet):
    """Open a path; every error of the console and every request to another host fails the test.

    A refusal (400) is no error: the browser reports it, and the page says why in a sentence.
    """
    complaints = []

    async def open_path(path="/", width=1280, height=800):
        expect.set_options(timeout=DEADLINE_MS)
        page = await browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(DEADLINE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(errors(message)))
        page.on("request", lambda request: complaints.extend(foreign(request.url, localnet.rest_url)))
        await page.goto(localnet.rest_url + path)
        return page

    yield open_path
    assert complaints == []


def errors(message):
    return [message.text] if message.type == "error" and "status of 400" not in message.text else []


def foreign(url, root):
    own = (root, root.replace("http", "ws", 1), "data:", "blob:")
    return [] if url.startswith(own) else [f"asked {url}"]


@pytest.fixture
async def trader(localnet):
    """Return a client with a funded wallet of its own, and cancel what it leaves."""
    clients = []

    async def connect():
        wallet = localnet.new_wallet({"WETH": Decimal(10), "USDC": Decimal(50_000)})
        settings = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url})
        client = AsyncTegro(settings.environment("localnet"), signer=LocalSigner(wallet.key))
        clients.append(client)
        return await client.__aenter__()

    yield connect
    for client in clients:
        await client.cancel_all()
        await client.__aexit__(None, None, None)


async def place(client, side, price, quantity):
    market = await client.market(SYMBOL)
    request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))
    outcome = await client.place(request)
    assert isinstance(outcome, Accepted), outcome
    return outcome


def row(page, table, text):
    return page.locator(f"{table} tr").filter(has_text=text)


async def test_an_order_appears_in_the_ladder_and_leaves_it(open_page, trader):
    page = await open_page()
    await expect(page.locator("#status")).to_have_text("live")
    client = await trader()
    placed = await place(client, Side.BUY, "2345.6", "1.25")
    level = row(page, "#bids", "2,345.60")
    await expect(level.locator("td")).to_have_text(["2,345.60", "1.250000", "1.250000"])
    await page.get_by_role("tab", name="Orders").click()
    order = page.locator("#orders tr").filter(has=page.locator(f'[data-full="{placed.order_id}"]'))
    await expect(order).to_contain_text("open")
    await client.cancel([placed.order_id])
    await expect(level).to_have_count(0)
    await expect(order).to_contain_text("cancelled (611")


async def test_a_trade_appears_in_tape_candle_and_settlements(open_page, trader, localnet):
    page = await open_page()
    maker, taker = await trader(), await trader()
    placed = await place(maker, Side.SELL, "3456.7", "0.75")
    await place(taker, Side.BUY, "3456.7", "0.75")
    await expect(row(page, "#tape", "3,456.70").first).to_contain_text("0.750000")
    await expect(page.locator("#candle")).to_contain_text("C 3,456.70")
    await expect(page.locator("#candle")).to_contain_text("V 0.75")
    await expect(page.locator("#figures .last")).to_have_text("3,456.70")
    await page.get_by_role("tab", name="Settlements").click()
    settlement = row(page, "#settlements", "3,456.7").first
    await expect(settlement).to_contain_text("success")
    async with httpx.AsyncClient(base_url=localnet.rest_url) as http:
        [trade] = (await http.get(f"/api/v1/trading/market/orders/trades/{placed.order_id}")).json()
    await expect(settlement.locator(f'[data-full="{trade["tx_hash"]}"]')).to_have_count(1)


async def test_the_faucet_funds_a_wallet_and_says_why_it_cannot(open_page):
    page = await open_page()
    wallet = Account.create().address
    form = page.locator("#faucet")
    await form.get_by_label("Wallet").fill("0x12")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_contain_text("wallet must be 0x and 40 hex digits")
    await form.get_by_label("Wallet").fill(wallet)
    await form.get_by_label("Token").select_option("USDC")
    await form.get_by_label("Amount").fill("1234.567891")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_have_text("Gave 1,234.567891 USDC and 1 coins for gas.")
    holder = page.locator("#wallets tr").filter(has=page.locator(f'[data-full="{wallet.lower()}"]'))
    await expect(holder).to_contain_text("1,234.567891")


async def test_faults_are_set_and_cleared(open_page, localnet):
    page = await open_page()
    await page.get_by_role("tab", name="Faults").click()
    await page.get_by_role("button", name="Lose the next order's answer").click()
    fault = page.locator("#faults tbody tr")
    await expect(fault).to_contain_text("drop_reply")
    [active] = localnet.faults.list()
    assert (active.fault.kind, active.fault.path) == ("drop_reply", "*/orders/place")
    await fault.get_by_role("button", name="Clear").click()
    await expect(fault).to_have_count(0)
    assert localnet.faults.list() == []


async def test_every_button_sets_the_fault_that_it_names(open_page, localnet):
    page = await open_page()
    await page.get_by_role("tab", name="Faults").click()
    labels = await page.locator("#usual button").all_inner_texts()
    assert labels[-2:] == ["Cut all streams", "Clear all"]
    for number, label in enumerate(labels[:-2], 1):
        await page.get_by_role("button", name=label, exact=True).click()
        await expect(page.locator("#faults .message").first).to_have_text(re.compile("^Fault [0-9]+ is set.$"))
        await expect(page.locator("#faults tbody tr")).to_have_count(number)
    assert len({active.fault.kind for active in localnet.faults.list()}) == len(labels) - 3, "two answer a status"
    await page.get_by_role("button", name="Clear all").click()
    await expect(page.locator("#faults tbody tr")).to_have_count(0)
    assert localnet.faults.list() == []


async def test_any_fault_can_be_described(open_page, localnet):
    page = await open_page()
    await page.get_by_role("tab", name="Faults").click()
    form = page.locator("#fault")
    await form.get_by_label("Kind").select_option("frame_delay")
    await form.get_by_label("Times").fill("0")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_contain_text("delay_ms must be from 1")
    await form.get_by_label("Other options").fill("{")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_contain_text("must be JSON")
    await form.get_by_label("Other options").fill(json.dumps({"delay_ms": 5, "probability": "0.5"}))
    await form.get_by_role("button").click()
    await expect(page.locator("#faults tbody tr")).to_contain_text("probability 0.5, delay_ms 5")
    [active] = localnet.faults.list()
    assert (active.fault.kind, active.fault.times) == ("frame_delay", None)
    localnet.faults.clear()


async def test_it_shows_the_truth_though_frames_are_lost_and_streams_are_cut(open_page, trader, localnet):
    page = await open_page()
    await expect(page.locator("#status")).to_have_text("live")
    await page.get_by_role("tab", name="Faults").click()
    await page.get_by_role("button", name="Cut all streams").click()
    await expect(page.locator("#faults")).to_contain_text("Cut 1 streams.")
    await expect(page.locator("#status")).to_have_text("live")
    form = page.locator("#fault")
    await form.get_by_label("Kind").select_option("frame_drop")
    await form.get_by_label("Times").fill("0")
    await form.get_by_role("button").click()
    await expect(page.locator("#faults tbody tr")).to_contain_text("frame_drop")
    await place(await trader(), Side.BUY, "1111.1", "0.5")
    await expect(row(page, "#bids", "1,111.10")).to_have_count(1)
    localnet.faults.clear()


async def test_another_market_can_be_chosen(open_page):
    page = await open_page()
    await page.get_by_label("Market", exact=True).select_option("WBTC_USDC")
    await expect(page.locator("#figures")).to_contain_text("Volume WBTC")
    await page.get_by_role("button", name="15m").click()
    await expect(page.get_by_role("button", name="15m")).to_have_attribute("aria-pressed", "true")


async def test_the_perpetual_venue_has_a_view_of_its_own(open_page, localnet):
    page = await open_page()
    await page.get_by_role("button", name="Perpetual").click()
    await page.get_by_label("Market", exact=True).select_option("ETHUSDT")
    await expect(page.locator("#figures")).to_contain_text("Volume ETH")
    await page.get_by_role("tab", name="Keys, index and funding").click()
    form = page.locator("#api-key")
    await form.get_by_label("Deposit").fill("2500.5")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_contain_text("with 2,500.50000000 USDT. Key ")
    form = page.locator("#index")
    await form.get_by_label("Contract").select_option("ETHUSDT")
    await form.get_by_label("Price").fill("soon")
    await form.get_by_role("button").click()
    await expect(form.locator("output")).to_contain_text("price must be a decimal number")
    await form.get_by_label("Price").fill("3123.25")
    await form.get_by_role("button").click()
    await expect(page.locator("#figures")).to_contain_text("Index3,123.25")
    form = page.locator("#funding")
    await form.get_by_label("Contract").select_option("ETHUSDT")
    await form.get_by_label("Rate").fill("0.00075")
    await form.get_by_role("button").click()
    await expect(page.locator("#figures")).to_contain_text("Funding rate0.00075000")
    await page.get_by_role("button", name="Spot").click()
    await expect(page.locator("#figures")).to_contain_text("Volume WETH")


async def test_tabs_and_colours_are_reached_by_keyboard(open_page):
    page = await open_page()
    wallets, orders = (page.get_by_role("tab", name=name) for name in ("Wallets", "Orders"))
    await wallets.focus()
    await page.keyboard.press("ArrowRight")
    await expect(orders).to_be_focused()
    await expect(orders).to_have_attribute("aria-selected", "true")
    await expect(page.locator("#orders")).to_be_visible()
    await expect(page.locator("#wallets")).to_be_hidden()
    root = page.locator("html")
    before = await root.get_attribute("data-theme")
    await page.locator("#theme").focus()
    await page.keyboard.press("Enter")
    after = {"dark": "light", "light": "dark"}[before]
    await expect(root).to_have_attribute("data-theme", after)
    await page.reload()
    await expect(root).to_have_attribute("data-theme", after)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_nothing_sticks_out_of_the_window(open_page, width, height):
    page = await open_page(width=width, height=height)
    await expect(page.locator("#asks, #bids")).to_have_count(2)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_numbers_are_shown_as_they_were_sent(open_page):
    """The page's own arithmetic, against Python's integers."""
    page = await open_page()
    found = await page.evaluate(
        """async () => {
          const { parseExactly } = await import("/page/api.js");
          const { difference, grouped, runningTotals } = await import("/page/decimal.js");
          return [
            parseExactly('{"a":12345678901234567890.123456789012345678,"b":"x \\\\" 1.0","c":[-0.10,1e-7,true,null]}'),
            runningTotals(["0.1", "0.2", "1000000000000000000000.000000000000000001"]),
            [difference("3000.1", "3000.05"), difference("1", "2.5")],
            [grouped("1234567.1", 2), grouped("-1234.5"), grouped("12")],
          ];
        }"""
    )
    assert found == [
        {"a": "12345678901234567890.123456789012345678", "b": 'x " 1.0', "c": ["-0.10", "1e-7", True, None]},
        ["0.1", "0.3", "1000000000000000000000.300000000000000001"],
        ["0.05", "-1.5"],
        ["1,234,567.10", "-1,234.5", "12"],
    ]


async def test_the_api_page_describes_and_tries_out(open_page):
    page = await open_page("/docs")
    operation = page.locator("#operations-localnet-get_localnet_health")
    await operation.click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table tbody .response-col_description")
    await expect(answer).to_contain_text('"status": "ok"')
