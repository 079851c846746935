"""The browser of tests/browser, for the pages among the examples."""

from tests.browser.conftest import browser, chromium, page

__all__ = ["browser", "chromium", "page"]
