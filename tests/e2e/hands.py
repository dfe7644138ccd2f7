"""Two ways to do everything on the labelling page: by keys alone and by mouse alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from playwright.sync_api import Locator, Page, expect


def at_desk(page: Page, project: int) -> None:
    """Open the labelling page of a project that has items; it hears keys when its item has the focus."""
    page.goto(f"/projects/{project}/label/")
    expect(page.locator("#item")).to_be_focused()


def first_letters(name: str) -> str:
    """What somebody types who looks for a label: the beginning of each of its words."""
    return " ".join(word[:4] for word in name.split())


class Hands:
    """What both ways share."""

    def __init__(self, page: Page, *, many: bool, multi: bool) -> None:
        self.page, self.many, self.multi = page, many, multi

    @property
    def item(self) -> str:
        """Which item is on the stage."""
        return self.page.locator("#answer input[name=item]").input_value()

    def moved_on(self, before: str) -> None:
        expect(self.page.locator("#answer input[name=item]")).not_to_have_value(before)

    def open_desk(self) -> None:
        """Go from the start page to the labelling page."""
        raise NotImplementedError

    def answer(self, names: Sequence[str]) -> None:
        """Answer with these labels."""
        raise NotImplementedError

    def undo(self) -> None:
        """Take the last answer back."""
        raise NotImplementedError

    def skip(self) -> None:
        """Skip as too hard."""
        raise NotImplementedError

    def cant_tell(self) -> None:
        """Say that nobody could know."""
        raise NotImplementedError

    def flag(self, note: str) -> None:
        """Hand the item to the lead."""
        raise NotImplementedError

    def choice(self, name: str) -> Locator:
        """The button or box of a label."""
        return self.page.locator(".choice[data-label]", has=self.page.get_by_text(name, exact=True)).first


class Keys(Hands):
    """Never touches the mouse."""

    def open_desk(self) -> None:
        """Go from the start page to the desk by Tab and Enter."""
        link = self.page.locator("main a[href$='/label/']").first
        for _ in range(60):
            if link.evaluate("link => link === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#item")).to_be_focused()

    def answer(self, names: Sequence[str]) -> None:
        before = self.item
        for name in names:
            self._find(name)
        if self.multi:
            self.page.keyboard.press("Enter")
        self.moved_on(before)

    def _find(self, name: str) -> None:
        if self.many:
            self.page.keyboard.type(first_letters(name))
        key = self.choice(name).locator("kbd")
        expect(key).to_have_text(re.compile(r"\w"))
        self.page.keyboard.press(key.inner_text())
        if self.many and self.multi:
            self.page.keyboard.press("Escape")

    def command(self, key: str) -> None:
        self.page.keyboard.press(f"Alt+{key}" if self.many else key)

    def undo(self) -> None:
        before = self.item
        self.command("u")
        self.moved_on(before)

    def skip(self) -> None:
        before = self.item
        self.command("s")
        self.page.keyboard.press("2")
        self.moved_on(before)

    def cant_tell(self) -> None:
        before = self.item
        self.command("x")
        self.moved_on(before)

    def flag(self, note: str) -> None:
        before = self.item
        self.command("f")
        self.page.keyboard.type(note)
        self.page.keyboard.press("Shift+Enter")
        self.moved_on(before)


class Mouse(Hands):
    """Never touches the keyboard, but to write a note."""

    def open_desk(self) -> None:
        self.page.locator("main a[href$='/label/']").first.click()
        expect(self.page.locator("#item")).to_be_focused()

    def answer(self, names: Sequence[str]) -> None:
        before = self.item
        for name in names:
            self.choice(name).scroll_into_view_if_needed()
            self.choice(name).click()
        if self.multi:
            self.page.locator("#send").click()
        self.moved_on(before)

    def undo(self) -> None:
        before = self.item
        self.page.locator("#undo").click()
        self.moved_on(before)

    def skip(self) -> None:
        before = self.item
        self.page.locator("#skip summary").click()
        self.page.locator("#skip button").nth(1).click()
        self.moved_on(before)

    def cant_tell(self) -> None:
        before = self.item
        self.page.locator("#cant-tell").click()
        self.moved_on(before)

    def flag(self, note: str) -> None:
        before = self.item
        self.page.locator("#flag summary").click()
        self.page.locator("#note").fill(note)
        self.page.locator("#flag button").click()
        self.moved_on(before)


class Touch(Mouse):
    """Taps on a phone."""

    def open_desk(self) -> None:
        self.page.locator("main a[href$='/label/']").first.tap()
        expect(self.page.locator("#item")).to_be_focused()

    def answer(self, names: Sequence[str]) -> None:
        before = self.item
        for name in names:
            self.choice(name).scroll_into_view_if_needed()
            self.choice(name).tap()
        if self.multi:
            self.page.locator("#send").tap()
        self.moved_on(before)
