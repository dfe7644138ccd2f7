"""Looking at items in a real browser: pictures near and far, texts long and short."""

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from annotator.models import User
from projects.models import Project
from tests.e2e.hands import at_desk
from tests.factories import make_member, make_project
from tests.uploading import take, zipped

LONG = "\n".join(f"Line {n} of a text that does not fit." for n in range(200))
BOX = (
    "node => { const { x, y, width, height } = node.getBoundingClientRect(); return [x, y, width, height]; }"
)


def drawing(number: int, size=(1600, 1200)) -> bytes:
    """A picture with something to look at; no two are the same."""
    image = Image.radial_gradient("L").resize(size).convert("RGB")
    image.paste((30 * number % 255, 90, 160), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    into = io.BytesIO()
    image.save(into, "JPEG", quality=80)
    return into.getvalue()


def open_desk(sign_in, project: Project, **options) -> Page:
    page = sign_in(make_member(project, "Ann").user, **options)
    at_desk(page, project.pk)
    return page


def pictures(sign_in, count=8, size=(1600, 1200), **options) -> Page:
    project = make_project(labels=["cat", "dog"], media=Project.Media.IMAGE)
    take(project, zipped(*[(f"{n}.jpg", drawing(n, size)) for n in range(count)]), "p.zip")
    page = open_desk(sign_in, project, **options)
    shown(page)
    return page


def shown(page: Page) -> None:
    page.wait_for_function("() => document.querySelector('#item .item-picture')?.naturalWidth > 0")


def box(page: Page, of: str = ".item-picture") -> list[float]:
    return page.locator(f"#item {of}").evaluate(BOX)


def percent(page: Page) -> int:
    return int(page.locator("#zoom").inner_text().removesuffix(" %"))


def test_the_wheel_zooms_at_the_cursor_and_scrolls_the_page_elsewhere(sign_in):
    page = pictures(sign_in, size=(2000, 500), viewport={"width": 1280, "height": 500})
    x, y, width, height = box(page, ".picture")
    at = [x + width * 0.6, y + height * 0.4]
    before = box(page)
    page.mouse.move(*at)
    page.mouse.wheel(0, -300)
    expect(page.locator("#item .picture")).to_have_attribute("data-zoomed", "")
    after = box(page)
    share = [(at[n] - before[n]) / before[n + 2] for n in (0, 1)]
    assert [(at[n] - after[n]) / after[n + 2] for n in (0, 1)] == pytest.approx(share, abs=0.002)
    assert after[2] > 1.5 * before[2]
    assert page.evaluate("scrollY") == 0
    page.locator("#undo").hover()
    page.mouse.wheel(0, 200)
    page.wait_for_function("() => scrollY > 0")


def test_keys_and_buttons_zoom_and_say_how_far(sign_in):
    page = pictures(sign_in)
    fits = percent(page)
    page.keyboard.press("+")
    page.get_by_role("button", name="Zoom in").click()
    assert percent(page) == pytest.approx(fits * 1.25 * 1.25, abs=1)
    page.keyboard.press("-")
    assert percent(page) == pytest.approx(fits * 1.25, abs=1)
    page.keyboard.press("0")
    assert percent(page) == fits
    page.get_by_role("button", name="True pixels").click()
    assert percent(page) == 100
    page.get_by_role("button", name="Fit").click()
    assert percent(page) == fits


def test_a_double_click_shows_true_pixels_and_a_small_picture_fills_its_frame(sign_in):
    page = pictures(sign_in, size=(160, 120))
    assert percent(page) > 200
    page.locator("#item .picture").dblclick()
    assert percent(page) == 100
    drawn = page.locator("#item .item-picture").evaluate(
        "node => node.getBoundingClientRect().height / node.clientHeight * Math.min("
        "node.clientWidth / node.naturalWidth, node.clientHeight / node.naturalHeight)"
    )
    assert drawn == pytest.approx(1, abs=0.01)
    page.locator("#item .picture").dblclick()
    assert percent(page) > 200


def test_what_is_near_is_moved_by_drag_and_by_arrows_but_not_out_of_sight(sign_in):
    page = pictures(sign_in)
    page.keyboard.press("ArrowLeft")
    still = box(page)
    for _ in range(4):
        page.keyboard.press("+")
    start = box(page)
    assert start[0] < still[0]
    page.keyboard.press("ArrowRight")
    assert box(page)[:2] == pytest.approx([start[0] - 60, start[1]])
    x, y, width, height = box(page, ".picture")
    page.mouse.move(x + width / 2, y + height / 2)
    page.mouse.down()
    page.mouse.move(x + width / 2 + 40, y + height / 2 + 30, steps=3)
    page.mouse.up()
    assert box(page)[:2] == pytest.approx([start[0] - 20, start[1] + 30])
    page.mouse.down(button="middle")
    page.mouse.move(x + width / 2 + 5000, y + height / 2 + 5000, steps=3)
    page.mouse.up(button="middle")
    left = page.locator("#item .item-picture").evaluate(
        "node => { const box = node.getBoundingClientRect(); const scale = box.height / node.clientHeight;"
        " const free = (node.clientWidth - node.clientHeight * node.naturalWidth / node.naturalHeight) / 2;"
        " return box.x + free * scale - node.parentElement.getBoundingClientRect().x; }"
    )
    assert left == pytest.approx(0, abs=1)
    page.keyboard.press("1")
    shown(page)
    expect(page.locator("#item .picture")).not_to_have_attribute("data-zoomed", "")


def test_two_fingers_pinch_and_one_then_moves(sign_in):
    page = pictures(sign_in, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    x, y, width, height = box(page, ".picture")
    middle = [x + width / 2, y + height / 2]
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": middle[0] + dx, "y": middle[1] + dy, "id": n} for n, (dx, dy) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    before = percent(page)
    fingers("touchStart", (-30, 0))
    fingers("touchStart", (-30, 0), (30, 0))
    for step in (40, 60, 90):
        fingers("touchMove", (-step, 0), (step, 0))
    fingers("touchEnd")
    assert percent(page) == pytest.approx(3 * before, rel=0.15)
    held = box(page)
    fingers("touchStart", (0, 0))
    fingers("touchMove", (-50, 0))
    fingers("touchMove", (-80, 0))
    fingers("touchEnd")
    assert box(page)[0] == pytest.approx(held[0] - 80, abs=2)
    assert page.evaluate("visualViewport.scale") == 1


def test_light_is_kept_from_picture_to_picture_and_never_without_a_mark(sign_in):
    page = pictures(sign_in)
    page.locator("#light summary").click()
    page.get_by_label("Brightness").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#lit-words")).to_have_text("Brightness 120 %, contrast 100 %")
    page.keyboard.press("1")
    shown(page)
    filtered = "node => getComputedStyle(node).filter"
    assert page.locator("#item .item-picture").evaluate(filtered) == "brightness(1.2) contrast(1)"
    page.reload()
    shown(page)
    expect(page.locator("#lit")).to_be_visible()
    page.locator("#lit").get_by_role("button", name="Reset").click()
    assert page.locator("#item .item-picture").evaluate(filtered) == "none"
    expect(page.locator("#lit")).to_be_hidden()


def test_pictures_are_there_before_their_turn_and_undo_asks_for_none_again(sign_in):
    project = make_project(labels=["cat", "dog"], media=Project.Media.IMAGE)
    take(project, zipped(*[(f"{n}.jpg", drawing(n)) for n in range(6)]), "p.zip")
    asked: list[str] = []
    page = sign_in(make_member(project, "Ann").user)
    page.on("request", lambda request: asked.extend([request.url] if "/image/" in request.url else []))
    at_desk(page, project.pk)
    page.wait_for_load_state("networkidle")
    assert len(set(asked)) == len(asked) == 6
    for key in ("1", "2", "1", "u", "u", "2"):
        page.keyboard.press(key)
        state = "node => node.complete && node.naturalWidth"
        assert page.locator("#item .item-picture").evaluate(state) == 1600
    assert len(asked) == 6


def test_a_picture_that_does_not_load_says_so_and_is_tried_again(sign_in, watch):
    project = make_project(labels=["cat", "dog"], media=Project.Media.IMAGE)
    take(project, zipped(*[(f"{n}.jpg", drawing(n)) for n in range(3)]), "p.zip")
    page = sign_in(make_member(project, "Ann").user)
    page.route("**/image/", lambda route: route.abort())
    at_desk(page, project.pk)
    frame = page.locator("#item .picture")
    expect(frame).to_contain_text("The picture did not load.")
    expect(page.locator("#status")).to_contain_text("skip or flag")
    page.keyboard.press("s")
    page.keyboard.press("4")
    expect(frame).to_contain_text("The picture did not load.")
    page.unroute("**/image/")
    page.get_by_role("button", name="Try again").click()
    shown(page)
    expect(frame).not_to_contain_text("The picture")
    watch.complaints.clear()  # Chromium reports each picture that did not come.


def test_how_texts_look_changes_at_once_and_is_kept(sign_in):
    project = make_project(labels=["a", "b"], items=["Some words to read.", "Others."])
    page = open_desk(sign_in, project)
    size = "node => [parseFloat(getComputedStyle(node).fontSize), getComputedStyle(node).maxInlineSize]"
    before = page.locator("#item .item-text").evaluate(size)
    page.locator("#reading summary").click()
    with page.expect_response("**/me/reading/"):
        page.get_by_role("button", name="Very large").click()
    with page.expect_response("**/me/reading/"):
        page.get_by_role("button", name="Wide").click()
    expect(page.get_by_role("button", name="Very large")).to_have_attribute("aria-pressed", "true")
    after = page.locator("#item .item-text").evaluate(size)
    assert after[0] == pytest.approx(1.6 * before[0])
    assert after[1] == "none"
    page.reload()
    assert page.locator("#item .item-text").evaluate(size) == after


def test_a_choice_made_without_a_network_is_kept_and_arrives_later(sign_in, watch):
    project = make_project(labels=["a", "b"], items=["Some words to read.", "Others."])
    page = open_desk(sign_in, project)
    page.context.set_offline(True)
    page.locator("#reading summary").click()
    page.get_by_role("button", name="Loose").click()
    expect(page.locator("html")).to_have_attribute("data-text-lines", "loose")
    with page.expect_response("**/me/reading/"):
        page.context.set_offline(False)
    person = User.objects.get(memberships__project=project)
    assert person.reading["lines"] == "loose"
    watch.complaints.clear()


def test_a_long_text_scrolls_by_keys_and_says_that_more_is_below(sign_in):
    page = open_desk(sign_in, make_project(labels=["a", "b"], items=[LONG, LONG + "!", LONG + "?"]))
    item, more = page.locator("#item"), page.get_by_role("button", name="More below")
    expect(more).to_be_visible()
    expect(item).to_have_attribute("tabindex", "0")
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.getElementById('item').scrollTop > 50")
    page.keyboard.press("End")
    expect(more).to_be_hidden()
    page.keyboard.press("Home")
    expect(more).to_be_visible()
    page.locator("#find, #undo").first.focus()
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.getElementById('item').scrollTop > 50")
    page.keyboard.press("1")
    page.wait_for_function("() => document.getElementById('item').scrollTop === 0")
    page.get_by_role("button", name="Whole text").click()
    expect(more).to_be_hidden()
    assert item.evaluate("node => node.scrollHeight - node.clientHeight") <= 1


STRANGE = {
    "ar": "قال مرحبا (hello, world!) 123\nLatin line",
    "ja": "本日は晴天なり。カードが届きません。" * 6,
    "": "  two  spaces\n\n\tand a tab, e\u0301 👩🏽‍🚀 ✍️ " + "averylongwordwithoutanybreak" * 12,
}


@pytest.mark.parametrize("width", [1280, 320])
def test_texts_of_every_script_keep_their_signs_and_their_side(sign_in, width, screenshots):
    project = make_project(labels=["a", "b"], language_field="lang", items=list(STRANGE.values()))
    for item, tag in zip(project.items.order_by("number"), STRANGE, strict=True):
        item.metadata = {"lang": tag}
        item.save(update_fields=["metadata"])
    page = open_desk(sign_in, project, viewport={"width": width, "height": 800})
    for number in range(3):
        node = page.locator("#item .item-text")
        told = node.evaluate("node => [node.textContent, node.lang, getComputedStyle(node).direction]")
        assert STRANGE[told[1]] == told[0]
        assert told[2] == ("rtl" if told[1] == "ar" else "ltr")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert node.evaluate("node => node.scrollWidth <= node.clientWidth")
        assert node.evaluate(
            "node => node.getBoundingClientRect().top >= node.parentElement.getBoundingClientRect().top"
        )
        if screenshots:
            page.screenshot(path=screenshots / f"text-{told[1] or 'strange'}-{width}.png")
        page.keyboard.press("1")
        if number < 2:
            expect(page.locator("#item")).not_to_have_text(told[0])


SPACING = (
    "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }"
    " p { margin-block-end: 2em !important; }"
)


@pytest.mark.parametrize("media", ["text", "image"])
def test_wider_spacing_cuts_nothing_off(sign_in, media):
    if media == "image":
        page = pictures(sign_in, count=2, viewport={"width": 390, "height": 800})
    else:
        page = open_desk(sign_in, make_project(items=[LONG, "b"]), viewport={"width": 390, "height": 800})
    page.evaluate(
        "css => { const sheet = new CSSStyleSheet(); sheet.replaceSync(css);"
        " document.adoptedStyleSheets = [sheet]; }",
        SPACING,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = page.locator("#viewing").evaluate(
        "node => [...node.querySelectorAll('button, summary')].filter(one => one.checkVisibility()"
        " && one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"
    )
    assert cut == []


@pytest.mark.parametrize(("touch", "least"), [(False, 24), (True, 44)])
@pytest.mark.parametrize("media", ["text", "image"])
def test_targets_are_large_enough(sign_in, media, touch, least):
    options = {"viewport": {"width": 390, "height": 800}, "has_touch": touch, "is_mobile": touch}
    if media == "image":
        page = pictures(sign_in, count=2, **options)
        page.locator("#light summary").click()
    else:
        page = open_desk(sign_in, make_project(items=[LONG, "b"]), **options)
        page.locator("#reading summary").click()
    small = page.locator("#viewing").evaluate(
        "(node, least) => [...node.querySelectorAll('button, summary, input')]"
        ".filter(one => one.checkVisibility())"
        ".map(one => [one.textContent || one.id, one.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < least || box.width < least).map(([name]) => name)",
        least,
    )
    assert small == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_viewing_looks_right(sign_in, screenshots, scheme, width):
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    page = pictures(sign_in, count=2, **options)
    page.locator("#light summary").click()
    page.get_by_label("Contrast").fill("140")
    menu = page.locator("#light .menu-sheet").bounding_box()
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text = open_desk(sign_in, make_project(items=[LONG, "b"]), **options)
    text.locator("#reading summary").click()
    expect(text.locator("#reading .menu-sheet")).to_be_in_viewport(ratio=0.99)
    if not screenshots:
        return
    page.screenshot(path=screenshots / f"light-{width}-{scheme}.png")
    page.keyboard.press("Escape")
    page.keyboard.press("+")
    page.screenshot(path=screenshots / f"picture-{width}-{scheme}.png")
    text.screenshot(path=screenshots / f"reading-{width}-{scheme}.png")
    text.keyboard.press("Escape")
    text.screenshot(path=screenshots / f"long-{width}-{scheme}.png")
