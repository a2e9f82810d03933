// The pictures: which one is open, its boxes, and the way from one to another.
tg.views = (() => {
  const BESIDE = new Set(["rule", "sum"]); // of the backward pass: beside the box of a vertex
  const READABLE = tg.data.readable; // boxes

  const camera = tg.byId("camera");
  const views = new Map(tg.data.views.map((view) => [view.id, view]));
  const listeners = [];
  let current = null;
  let homes = null;
  let trail = []; // the pictures from the whole to this one

  /** Make the elements of a view, once. */
  function prepare(view) {
    if (view.root) return view;
    view.root = tg.drawing.draw(view);
    view.edges = [...view.root.querySelectorAll("[data-tail]")];
    for (const group of view.root.querySelectorAll("[data-box]")) {
      const box = view.boxes[Number(group.dataset.box)];
      box.group = group;
      box.place = Number(group.dataset.box);
      equip(box);
    }
    view.places = places(view);
    view.boxes[0].group.setAttribute("tabindex", "0");
    return view;
  }

  function equip(box) {
    const kind = tg.data.roles[box.role] + (box.output ? ", output" : "");
    box.group.setAttribute("role", "button");
    box.group.setAttribute("aria-label", `${box.lines.join(", ")}: ${kind}`);
    box.group.setAttribute("tabindex", "-1");
    if (box.around) box.group.classList.add("around");
    if (box.mark) box.group.classList.add(`mark-${box.mark}`);
  }

  /** The box of each vertex: its own if it has one, or the closed one that it is in. */
  function places(view) {
    const found = new Map();
    for (const box of view.boxes) {
      if (BESIDE.has(box.role) && !own(box)) continue;
      for (const id of box.vertices) {
        const known = found.get(id);
        if (known === undefined || BESIDE.has(known.role)) found.set(id, box);
      }
    }
    return found;
  }

  /** Whether a rule is a place of its own: an operation of a traced backward pass. */
  const own = (box) => tg.data.vertices[box.vertices.at(-1)].phase === "backward";

  const isClosed = (box) => box.role === "module" || box.role === "repeat";

  /** For each vertex, the view in which it is open: the largest that can be read at once. */
  function findHomes() {
    const found = new Map();
    const size = (view) => view.boxes.length;
    const rank = (view) => (size(view) > READABLE ? size(view) : READABLE - size(view));
    for (const view of [...views.values()].sort((a, b) => rank(a) - rank(b))) {
      for (const box of view.boxes) {
        if (isClosed(box) || box.around) continue;
        for (const id of box.vertices) if (!found.has(id)) found.set(id, view);
      }
    }
    return found;
  }

  /** The view that shows a vertex best: this one if it does, or null if none does. */
  function showing(id) {
    const box = current?.places.get(id);
    if (box && !isClosed(box)) return current;
    homes ??= findHomes();
    return homes.get(id) ?? null;
  }

  /** Note where the boxes of a view are, before anything is added to them. */
  function measure(view) {
    if (view.measured) return;
    view.measured = true;
    for (const box of view.boxes) box.bounds = box.group.firstElementChild.getBBox();
    for (const box of view.boxes) if (box.opens) box.group.append(opener(box));
  }

  /** The sign on a closed box that opens it. */
  function opener({ bounds, opens }) {
    const x = bounds.x + bounds.width;
    const y = bounds.y + bounds.height / 2;
    const sign = tg.shape("path", { d: `M${x - 3.5} ${y}h7M${x} ${y - 3.5}v7` });
    return tg.shape(
      "g",
      {
        class: "opener",
        click: (event) => {
          event.stopPropagation();
          open(opens, trail);
        },
      },
      tg.shape("circle", { cx: x, cy: y, r: 7 }),
      sign,
    );
  }

  /** Open a closed box, and let its first box have the focus. */
  function enter(box) {
    open(box.opens, trail);
    focus(current.boxes.find((inner) => !inner.around));
  }

  /** The pictures from the whole to a view, where nobody has gone that way. */
  function wayTo(view) {
    const parent = views.get(view.parent);
    return parent ? [...wayTo(parent), parent] : [];
  }

  /** Open a picture; ``before`` are those from the whole to it, if one went that way. */
  function open(id, before) {
    const view = prepare(views.get(id));
    if (view === current) return;
    const known = trail.indexOf(view);
    trail = [...(before ?? (known < 0 ? wayTo(view) : trail.slice(0, known))), view];
    current = view;
    camera.replaceChildren(view.root);
    tg.byId("picture").setAttribute("aria-label", view.title);
    measure(view);
    const { width, height } = tg.drawing.size(view);
    tg.camera.begin(width, height);
    tg.say(`${view.title}, ${view.boxes.length} boxes`);
    for (const listener of listeners) listener(view);
  }

  /** Go back to the picture one came from, or would have; tell whether there is one. */
  function close() {
    const [back, left] = trail.slice(-2);
    if (!left) return false;
    open(back.id);
    const box = current.boxes.find((x) => x.opens === left.id);
    if (box) focus(box);
    return true;
  }

  /** Let a box be the one that Tab leads to, and that has the focus. */
  function focus(box) {
    for (const other of current.root.querySelectorAll('[tabindex="0"]')) {
      other.setAttribute("tabindex", "-1");
    }
    box.group.setAttribute("tabindex", "0");
    box.group.focus({ preventScroll: true });
    tg.camera.reveal(box.group);
  }

  const roots = () => tg.data.views.filter((view) => view.parent === undefined);

  return {
    open,
    enter,
    close,
    path: () => [...trail],
    roots,
    focus,
    showing,
    isClosed,
    current: () => current,
    boxOf: (id) => current.places.get(id),
    boxAt: (element) => {
      const group = element.closest("[data-box]");
      return group && current.boxes[Number(group.dataset.box)];
    },
    onopen: (listener) => listeners.push(listener),
  };
})();
