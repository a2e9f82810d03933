// The keyboard: from box to box, into modules and out of them, and shortcuts.
tg.keys = (() => {
  const WAYS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };
  const HELP = [
    ["/", "search"],
    ["Tab", "to the picture, and to what is beside it"],
    ["↑ ↓ ← →", "from box to box"],
    ["Enter", "open a closed module"],
    ["Esc", "close it, and see what is around"],
    ["F", "fit the picture into the window"],
    ["+ −", "zoom; so does the wheel with Ctrl"],
    ["A D G", "highlight what a box is made of, leads to, and the way of its gradient"],
    ["N P", "the next step of the walk, and the one before"],
    ["T", "light, dark, or as the system has it"],
    ["?", "this list"],
  ];

  function centre(box) {
    const { x, y, width, height } = box.bounds;
    return { x: x + width / 2, y: y + height / 2 };
  }

  /** The box that is next in a direction: a joined one if there is one, else the nearest. */
  function next(box, [dx, dy]) {
    const view = tg.views.current();
    const from = centre(box);
    const joined = new Set();
    for (const { dataset } of view.edges) {
      if (Number(dataset.tail) === box.place) joined.add(Number(dataset.head));
      if (Number(dataset.head) === box.place) joined.add(Number(dataset.tail));
    }
    let best = null;
    for (const other of view.boxes) {
      const to = centre(other);
      const along = (to.x - from.x) * dx + (to.y - from.y) * dy;
      const aside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      if (along < 2 || aside > 3 * along) continue;
      const far = (along + 2 * aside) * (joined.has(other.place) ? 0.2 : 1);
      if (!best || far < best.far) best = { far, box: other };
    }
    return best?.box;
  }

  function onPicture(event) {
    const box = tg.views.boxAt(event.target) ?? tg.page.box();
    if (event.key in WAYS) {
      const chosen = box ? next(box, WAYS[event.key]) : tg.views.current().boxes[0];
      if (chosen) go(chosen);
    } else if ((event.key === "Enter" || event.key === " ") && box) {
      if (box.opens) tg.views.enter(box);
      else go(box);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function go(box) {
    tg.page.selectBox(box);
    tg.views.focus(box);
  }

  const shortcuts = {
    "/": () => tg.search.focus(),
    f: () => tg.camera.fit(),
    "+": () => tg.camera.zoom(1.25),
    "=": () => tg.camera.zoom(1.25),
    "-": () => tg.camera.zoom(0.8),
    a: () => tg.trace.choose("ancestors"),
    d: () => tg.trace.choose("descendants"),
    g: () => tg.trace.choose("path"),
    n: () => tg.stepper.turn(1),
    p: () => tg.stepper.turn(-1),
    t: () => tg.tools.turnScheme(),
    "?": () => help.showModal(),
    Escape: () => tg.views.close() || tg.page.selectNone(),
  };

  function anywhere(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("input, select, textarea")) return;
    const action = shortcuts[event.key] ?? shortcuts[event.key.toLowerCase()];
    if (!action) return;
    action();
    event.preventDefault();
  }

  const rows = HELP.flatMap(([keys, text]) => [
    tg.element("dt", {}, ...keys.split(" ").map((key) => tg.element("kbd", {}, key))),
    tg.element("dd", {}, text),
  ]);
  const help = tg.element(
    "dialog",
    { id: "help", "aria-label": "Keys", click: () => help.close() },
    tg.element("h2", {}, "Keys"),
    tg.element("dl", {}, ...rows),
  );
  document.body.append(help);
  tg.byId("picture").addEventListener("keydown", onPicture);
  document.addEventListener("keydown", anywhere);
  return { help: () => help.showModal() };
})();
