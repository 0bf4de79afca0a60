"""The tracker's page in a browser: what it shows, what its buttons do, what strangers cannot."""

import http.server
import json
import os
import pathlib
import signal
import threading

import pytest

from conftest import Page
from obedient_hosts import call
from processes import eventually

SMALL = {"clouds": 2, "regions": 1, "racks": 2, "size": 3}
FRAME_SECONDS = 8
FRAMES_PER_SECOND_MIN = 20
SCREENSHOT_BYTES_MAX = 300_000
# Elements of the page however many hosts there are: 160 racks, and the rest.
ELEMENTS_MAX = 4_000


@pytest.mark.limit(180)
def test_a_fleet_is_shown_and_followed_without_a_reload(browser, page_fleet):
    made = page_fleet(**SMALL)
    page = Page(browser, made.tracker)
    assert "No host has reported" in page.text("#no-hosts")
    page.run("window.isSame = true")
    made.serve_first()
    page.until_text("#totals", "12 hosts, 12 serving")
    assert page.count("#places .cloud") == 2 and page.count("#places .tile") == 4
    page.until_text("#cards h3", "prod: acme/llama 1.0 (rollout 1)")
    page.until_text("#cards .state", "complete")
    page.until_text("#places .cloud .versions", "acme/llama@1.0 (6)")
    page.until_text("#audit tbody", "rollout")
    page.until_text("#past tbody", "acme/llama@1.0")
    # One channel alone, chosen from the list.
    page.run("const c = document.getElementById('channel'); c.value = 'prod';"
             "c.dispatchEvent(new Event('change'));")
    page.until_text("#places .cloud .versions", "1.0 (6)")
    eventually(lambda: page.text("#places .cloud .versions") == "1.0 (6)", 30, "one model's names")
    # A probe says no, and an activation failed.
    made.fleet.hosts[0].is_healthy = False
    made.fleet.round(made.fleet.hosts[:1])
    page.until_text("#totals", "1 in trouble")
    assert page.run("return window.isSame") is True
    assert page.problems() == []


@pytest.mark.limit(240)
def test_buttons_change_the_rollout(browser, page_fleet):
    made = page_fleet(**SMALL)
    made.serve_first()
    rollout = made.create("2.0", "--wave", "25%/approval", "--wave", "all")
    page = Page(browser, made.tracker)

    def press(verb, *before):
        page.until("const b = document.querySelector('[data-verb=' + arguments[0] + ']');"
                   "return b && !b.hidden", f"{verb} can be pressed", verb)
        page.click(f"[data-verb={verb}]")
        for act in before:
            act()
        page.click("#ask-do")
        page.until("return !document.getElementById('ask').open", f"{verb} is done")

    press("pause")
    page.until_text("#cards .state", "paused")
    press("resume")
    made.go(rollout, "baking")
    page.until_text("#cards .waits", "approval")
    assert page.text("#cards .waves tr[aria-current] th") == "1"
    press("approve")
    eventually(lambda: made.phase(rollout) != "baking", 30, "it went on")
    press("abort", lambda: page.write("#ask-reason", "too <b>slow</b>"))
    made.go(rollout, "rolledBack")
    page.until_text("#cards .state", "rolled back")
    page.until_text("#cards", "too <b>slow</b>")
    assert page.count("#cards b") == 0
    assert all(host.active == "1.0" for host in made.fleet.hosts)
    page.until_text("#audit tbody", "too <b>slow</b>")
    # It is over, and nothing more can be said to it.
    visible = "return [...document.querySelectorAll('[data-verb]')].filter(b => !b.hidden).length"
    assert page.run(visible) == 0
    # One that is complete can be taken back.
    second = made.create("2.0", "--wave", "all", "--max-unavailable", "100%")
    made.go(second, "complete")
    page.until_text("#cards h3", f"(rollout {second})")
    press("rollback", lambda: page.click("#ask-once"))
    made.go(second, "rolledBack")
    page.until_text("#cards .state", "rolled back")
    assert all(host.active == "1.0" for host in made.fleet.hosts)
    assert page.problems() == []


@pytest.mark.limit(180)
def test_a_wrong_token_is_refused_for_all_to_see(browser, page_fleet):
    made = page_fleet(token="right-7a", **SMALL)
    made.serve_first()
    rollout = made.create("2.0", "--wave", "all")
    page = Page(browser, made.tracker)
    page.until_text("#cards h3", f"(rollout {rollout})")
    page.click("[data-verb=pause]")
    page.write("#ask-token", "wrong")
    page.click("#ask-do")
    page.until_text("#ask-error", "this is not its token")
    assert page.run("return document.getElementById('ask').open")
    assert "paused" not in page.text("#cards .state")
    page.run("document.getElementById('ask-token').value = ''")
    page.write("#ask-token", "right-7a")
    page.click("#ask-do")
    page.until_text("#cards .state", "paused")
    assert page.run("return sessionStorage.getItem('shoal.token')") == "right-7a"
    assert page.run("return localStorage.length") == 0
    # It is known now, and not asked for again.
    page.click("[data-verb=resume]")
    assert not page.browser.find_element("id", "ask-token").is_displayed()
    page.click("#ask-do")
    eventually(lambda: "paused" not in page.text("#cards .state"), 30, "it goes on")
    assert made.phase(rollout) in ("seeding", "staging")


class EmptyPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.limit(60)
def test_a_page_of_another_site_commands_nothing(browser, shoal):
    tracker = shoal.tracker()
    backups = shoal.directory / f"tracker-{tracker.endpoint[1]}" / "backups"
    # A request that a browser sends without asking the tracker first.
    send = (
        "const done = arguments[arguments.length - 1];"
        "fetch(arguments[0] + '/api/v1/backup', {method: 'POST', mode: 'no-cors'})"
        ".then((answer) => done(answer.status || answer.type), (error) => done(String(error)));"
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_address[1]
        for site in (f"http://127.0.0.1:{port}", f"http://localhost:{port}"):
            browser.get(site)
            assert browser.execute_async_script(send, tracker.url) == "opaque"
            assert not backups.exists()
        other.shutdown()
    browser.get(tracker.url)
    assert browser.execute_async_script(send, tracker.url) == 201
    assert len(list(backups.iterdir())) == 1


@pytest.mark.limit(120)
def test_traffic_is_a_matrix_with_its_cost(browser, page_fleet):
    made = page_fleet(**SMALL)
    made.fleet.round()
    made.run("channel", "set", "prod", "--model", "acme/llama", "--selector", "pool=test")
    made.create("1.0", "--wave", "all")
    amount = {"bytes": 0, "duplicateBytes": 0}
    received = [
        {"domain": "aws/us-east-1/a", "kind": "peer", "bytes": 5 * 10**12, "duplicateBytes": 0},
        {"domain": "gcp/us-central1/b", "kind": "peer", "bytes": 10**12, "duplicateBytes": 10**9},
    ]
    status, answer = call(
        f"{made.tracker.url}/api/v1/swarms/{made.hashes['1.0'][:40]}/traffic", "POST",
        {"peer": "2d5348303030312d" + "31" * 12, "generation": 1, "modelBytes": 10**9,
         "locality": "gcp/us-central1/a", "isSource": False, "isLast": False,
         "received": received, "sent": [], "receivedOther": amount, "sentOther": amount,
         "refetchedBytes": 0},
    )
    assert status == 200, answer
    page = Page(browser, made.tracker)
    page.until_text("#traffic-sums", "6.00 TB received")
    cells = "return [...document.querySelectorAll('#matrix tbody tr')].map(" \
        "r => [...r.children].map(c => c.firstChild.textContent))"
    assert page.run(cells) == [["aws", "·", "5.00 TB"], ["gcp", "·", "1.00 TB"]]
    page.click("input[value=regions]")
    assert page.run(cells)[0] == ["aws/us-east-1", "·", "5.00 TB"]
    cost = page.run("return document.querySelector('#matrix small').textContent")
    assert cost.startswith("$") and cost != "$0.00"
    assert page.problems() == []


def hostile_names():
    script = "<img/src=x/onerror=window.isHacked=1>"
    return [
        ("h1", script, "<svg/onload=window.isHacked=2>"),
        ("h2", "\"><script>window.isHacked=3</script>", "'-alert(1)-'"),
        ("h3", "__proto__/constructor/toString", "<iframe srcdoc='<script>top.isHacked=4'>"),
        ("h4", "a/%3Cscript%3E/{{7*7}}", "javascript:window.isHacked=5"),
    ]


@pytest.mark.limit(120)
def test_names_from_strangers_are_only_text(browser, shoal):
    tracker = shoal.tracker()
    for host, locality, version in hostile_names():
        model = {
            "name": "acme/llama", "active": version, "isHealthy": False,
            "fence": {"epoch": 0, "step": 0},
            "failure": {"version": version, "fence": {"epoch": 0, "step": 0}, "reason": locality},
            "versions": [{
                "version": version, "infoHash": "ab" * 32, "stage": "fetching", "pieceCount": 4,
                "piecesHeld": 1, "byteCount": 4, "bytesHeld": 1, "problem": f"{locality} {version}",
            }],
        }
        status, answer = call(
            f"{tracker.url}/api/v1/hosts/{host}/sync", "POST",
            {"host": host, "locality": locality, "labels": {}, "generation": 0, "models": [model]},
        )
        assert status == 200, (locality, answer)
    page = Page(browser, tracker)
    page.until_text("#totals", "4 hosts")
    tiles = page.until(
        "const t = document.querySelectorAll('.tile'); return t.length === 4 && t.length",
        "there are four racks")
    for index in range(tiles):
        page.run("document.querySelectorAll('.tile')[arguments[0]].click()", index)
        page.until("return document.querySelectorAll('#rack-hosts tbody tr').length === 1",
                   "the hosts of the rack are listed")
        page.click("#rack-close")
    page.until_text("#places", "<svg/onload=window.isHacked=2>")
    assert page.run("return window.isHacked ?? null") is None
    # Only what the page itself is made of.
    assert page.count("img, svg, iframe, object, embed, body script, main a[href^=javascript]") == 0
    assert page.run("return ({}).polluted ?? null") is None
    # The policy stands even where a script of the page would make markup of a text.
    assert page.run(
        "try { document.body.innerHTML = '<p>'; return false } catch (e) { return true }")
    loaded = page.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert loaded and all(name.startswith(tracker.url) for name in loaded)


@pytest.mark.limit(120)
def test_racks_are_reached_by_keyboard_and_told_in_words(browser, page_fleet):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    made = page_fleet(**SMALL)
    made.fleet.round()
    page = Page(browser, made.tracker)
    page.until_text("#totals", "12 hosts")
    page.until("return document.querySelector('.tile')?.getAttribute('aria-label')", "it is drawn")
    body = browser.find_element("css selector", "body")
    for _ in range(40):
        body.send_keys(keys.TAB)
        focused = browser.switch_to.active_element
        if "tile" in (focused.get_attribute("class") or ""):
            break
        body = focused
    label = focused.get_attribute("aria-label")
    assert label == "aws/region-0/r00: 3 idle", label
    focused.send_keys(keys.ENTER)
    page.until("return document.querySelectorAll('#rack-hosts tbody tr').length === 3", "its hosts")
    assert page.text("#rack-title") == "aws/region-0/r00"
    browser.switch_to.active_element.send_keys(keys.ESCAPE)
    assert page.run("return document.getElementById('rack').hidden")
    assert browser.switch_to.active_element.get_attribute("aria-label") == label


@pytest.mark.limit(120)
def test_the_page_comes_back_with_the_tracker(browser, page_fleet):
    made = page_fleet(**SMALL)
    made.fleet.round()
    page = Page(browser, made.tracker)
    page.until_text("#totals", "12 hosts")
    made.tracker.signal(signal.SIGKILL)
    page.until("return document.getElementById('link').dataset.state === 'broken'", "it says so")
    made.shoal.tracker(at=made.tracker.endpoint)
    page.until("return document.getElementById('link').dataset.state === 'live'", "it is back")
    # What was written down of hosts is there, and what they report comes again.
    made.fleet.round()
    page.until_text("#totals", "12 hosts")
    assert page.count("#places .tile") == 4


# 4,000 hosts.

MEASURE = """
const done = arguments[arguments.length - 1];
const end = performance.now() + arguments[0] * 1000;
const gaps = [];
let last = performance.now();
let updates = 0;
const seen = new MutationObserver(() => { updates += 1; });
seen.observe(document.getElementById('held'), { childList: true });
function frame(now) {
  gaps.push(now - last);
  last = now;
  if (now < end) requestAnimationFrame(frame);
  else { seen.disconnect(); done({ gaps: gaps.slice(1), updates }); }
}
requestAnimationFrame(frame);
"""


def frames(page):
    """Frames a second while it is updated, and the 95th percentile of the time between two."""
    measured = page.browser.execute_async_script(MEASURE, FRAME_SECONDS)
    gaps = sorted(measured["gaps"])
    return {
        "framesPerSecond": round(1000 * len(gaps) / sum(gaps), 1),
        "gapP95": round(gaps[int(len(gaps) * 0.95)], 1),
        "gapMax": round(gaps[-1], 1),
        "updates": measured["updates"],
    }


def contrast(page, selector):
    """Of text to what is behind it, as WCAG counts it."""
    return page.run("""
        const light = (text) => {
          const [r, g, b] = text.match(/\\d+/g).map((v) => {
            const part = Number(v) / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const element = document.querySelector(arguments[0]);
        const text = light(getComputedStyle(element).color);
        const ground = light(getComputedStyle(document.body).backgroundColor);
        return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    """, selector)


def screenshot(browser, scheme, directory):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}],
    })
    # Two frames: one in which the marks are drawn anew, and one after it.
    browser.execute_async_script(
        "const done = arguments[0]; let left = 30;"
        "const next = () => { left -= 1; left > 0 ? requestAnimationFrame(next) : done(); };"
        "next();")
    path = directory / f"page-{scheme}.png"
    browser.save_screenshot(str(path))
    return path


@pytest.mark.limit(600)
def test_four_thousand_hosts_are_shown_and_updated_at_a_usable_rate(
    browser, page_fleet, tmp_path
):
    made = page_fleet(clouds=4, regions=4, racks=10, size=25, pieces=(60, 160))
    made.serve_first()
    made.fleet.pieces = (1, 12)
    rollout = made.create("2.0", "--wave", "1%/approval", "--wave", "25%/soak=60", "--wave", "all")
    page = Page(browser, made.tracker)
    page.until_text("#totals", "4,000 hosts")
    assert page.count(".tile") == 160
    over = threading.Event()
    reporting = made.fleet.keep_reporting(over, share=0.2)
    try:
        page.until_text("#legend", "fetching")
        measured = frames(page)
    finally:
        over.set()
        reporting.join()
    print(f"4,000 hosts: {json.dumps(measured)}")
    elements = page.count("*")
    assert measured["updates"] >= FRAME_SECONDS / 2, "too few updates to measure anything"
    assert measured["framesPerSecond"] >= FRAMES_PER_SECOND_MIN, measured
    assert elements <= ELEMENTS_MAX, elements
    # A picture of some interest: the first wave, which is of the first host of each rack, serves,
    # and the others are on their way.
    made.fleet.pieces = (60, 160)
    made.go(rollout, "baking", [host for host in made.fleet.hosts if host.name.endswith("-000")])
    made.fleet.round(made.fleet.random.sample(made.fleet.hosts, 900))
    troubled = made.fleet.hosts[7::333]
    for host in troubled:
        host.is_healthy = False
    made.fleet.round(troubled)
    page.until_text("#cards .waits", "approval")
    directory = pathlib.Path(os.environ.get("SHOAL_SCREENSHOTS", tmp_path))
    backgrounds = set()
    # Nothing is beyond the edge of a laptop's screen.
    browser.set_window_size(1280, 800)
    page.until("return innerWidth <= 1280 && document.documentElement.scrollWidth <= innerWidth",
               "it fits a laptop's screen")
    browser.set_window_size(1440, 900)
    for scheme in ("dark", "light"):
        path = screenshot(browser, scheme, directory)
        assert 10_000 < path.stat().st_size < SCREENSHOT_BYTES_MAX
        backgrounds.add(page.run("return getComputedStyle(document.body).backgroundColor"))
        for selector in ("#totals", "caption", "#cards .state", "#audit td"):
            assert contrast(page, selector) >= 4.5, (scheme, selector)
    assert len(backgrounds) == 2
    assert page.problems() == []
