"""A browser without a window, and a page of a real tracker in it."""

import shutil

import pytest

from processes import eventually
from models import model
from reported_fleet import ReportedFleet, announce_holders
from shoal import last_object

NAME = "acme/llama"
PATIENCE_SECONDS = 60


@pytest.fixture(scope="session")
def browser_class():
    """Chromium as Debian packs it, driven by WebDriver. Skips, aloud, where it is not installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed")

    def make(width=1440, height=900):
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", f"--window-size={width},{height}", "--lang=en",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=driver)
        browser = webdriver.Chrome(options=options, service=service)
        browser.set_script_timeout(60)
        return browser

    return make


@pytest.fixture
def browser(browser_class):
    browser = browser_class()
    yield browser
    browser.quit()


class Page:
    """The page in a browser, as somebody who looks at it and uses its buttons."""

    def __init__(self, browser, tracker):
        self.browser = browser
        browser.get(tracker.url)
        self.until("return document.getElementById('link').dataset.state === 'live'", "it is live")

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def until(self, script, what, *arguments):
        return eventually(lambda: self.run(script, *arguments), PATIENCE_SECONDS, what)

    def text(self, selector):
        return self.run(
            "return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def until_text(self, selector, part):
        eventually(
            lambda: part in (self.text(selector) or ""), PATIENCE_SECONDS,
            f"'{part}' in {selector}, which is '{self.text(selector)}'",
        )

    def click(self, selector):
        self.browser.find_element("css selector", selector).click()

    def write(self, selector, text):
        self.browser.find_element("css selector", selector).send_keys(text)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def problems(self):
        """What the browser complained of: errors of scripts, and breaches of the policy."""
        return [
            line["message"] for line in self.browser.get_log("browser")
            if line["level"] == "SEVERE" and "401" not in line["message"]
        ]


class PageFleet:
    """A tracker with two versions, a fleet that serves the first, and a channel."""

    def __init__(self, shoal, tmp_path, *arguments, token=None, **size):
        self.shoal = shoal
        self.credentials = ("--token", token) if token else ()
        self.tracker = shoal.tracker(*arguments, *self.credentials)
        self.hashes = {}
        for number in (1, 2):
            source = model(tmp_path / f"model-{number}", 200_000 + number, seed=number)
            published = shoal.succeed(
                "publish", source, "--name", NAME, "--version", f"{number}.0",
                "--tracker", self.tracker.url, *self.credentials, "--json",
            )
            self.hashes[f"{number}.0"] = last_object(published.stdout)["infoHash"]
            announce_holders(self.tracker, self.hashes[f"{number}.0"])
        self.fleet = ReportedFleet(self.tracker, **size)

    def serve_first(self):
        """The whole fleet serves version 1.0, by a rollout that is over."""
        self.fleet.round()
        self.run("channel", "set", "prod", "--model", NAME, "--selector", "pool=test")
        self.create("1.0", "--wave", "all", "--max-unavailable", "100%")
        self.go(1, "complete")

    def run(self, *arguments):
        process = self.shoal.succeed(
            *arguments, "--tracker", self.tracker.url, *self.credentials, "--json", seconds=120)
        return last_object(process.stdout)

    def create(self, version, *arguments):
        return self.run("rollout", "create", "prod", version, *arguments)["rollout"]["id"]

    def phase(self, rollout):
        return self.run("rollout", "status", str(rollout))["rollout"]["phase"]

    def go(self, rollout, phase, hosts=None):
        """All hosts, or those named, report until the rollout is there."""

        def is_there():
            if self.phase(rollout) == phase:
                return True
            self.fleet.round(hosts)
            return False

        eventually(is_there, 240, f"rollout {rollout} is {phase}")


@pytest.fixture
def page_fleet(shoal, tmp_path):
    return lambda *arguments, **options: PageFleet(shoal, tmp_path, *arguments, **options)
