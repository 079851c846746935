"""Audits of a page: roles, names and labels by axe-core; the contrast of every pair of colours in use."""

from typing import Any

from tests.browser.conftest import CLIENTS, Page

__all__ = ["SCHEMES", "audit", "contrasts", "use_scheme"]

SCHEMES = ("light", "dark")
_AXE = CLIENTS / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """(async () => {
  const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  // of a rule that passes, only the name is read: axe then computes the selector of one of its elements only
  const options = { runOnly: { type: "tag", values }, resultTypes: ["violations"] };
  const { violations, passes } = await axe.run(document, options);
  const findings = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
  return { findings, passed: passes.map(({ id }) => id) };
})()"""


async def use_scheme(page: Page, scheme: str) -> None:
    """Show the page as with the system's light or dark colours, without animations."""
    await page.call("emulateMedia", {"colorScheme": scheme, "reducedMotion": "reduce"})


async def audit(page: Page) -> tuple[list[str], set[str]]:
    """The violations of WCAG 2.2 AA and of best practices, a line each, and the rules that passed."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(f"{_AXE.read_text(encoding='utf-8')}; null")
    result: dict[str, Any] = await page.evaluate(_RUN)
    return result["findings"], set(result["passed"])


async def contrasts(page: Page) -> tuple[list[str], int]:
    """The visible texts, marks and form fields whose contrast is below WCAG's, and the number of all."""
    script = (CLIENTS / "contrast.js").read_text(encoding="utf-8")
    result: dict[str, Any] = await page.evaluate(script)
    return result["findings"], result["checked"]
