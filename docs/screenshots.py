"""Take the pictures of docs/watch-backprop-happen.md, where pages themselves are not shown.

python examples/watch_backprop.py --out docs/pages && python docs/screenshots.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

DOCS = Path(__file__).parent
SHOTS = (("formula", 8), ("cnn", 14))  # a page, and the step that is shown


def main() -> None:
    """Write docs/images/page-NAME.png for each page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        for name, step in SHOTS:
            page = browser.new_page(
                viewport={"width": 1200, "height": 720}, reduced_motion="reduce"
            )
            page.goto((DOCS / "pages" / f"{name}.html").as_uri())
            page.get_by_role("tab", name="Steps").click()
            page.evaluate("document.activeElement.blur()")
            for _ in range(step - 1):
                page.keyboard.press("n")
            path = DOCS / "images" / f"page-{name}.png"
            page.screenshot(path=path)
            print(path)
        browser.close()


if __name__ == "__main__":
    main()
