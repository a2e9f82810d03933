// Numbers on the picture itself: above a box what it holds, below it the gradient.
tg.whiteboard = (() => {
  const FEW = 3; // entries that are written one by one
  const MOST = 400; // boxes of a picture that get numbers
  const HEAD = 11; // points: the length of an arrow's head
  const GAP = 4; // points between a box and its numbers
  const FRAME = 9; // and where the box has a second frame
  const SIDE = 6; // points between numbers and the middle of the box

  let values = new Set();
  let gradients = new Set();

  /** An array in a few characters: its entries, or their range. */
  function brief(summary) {
    const { number } = tg.show;
    if (summary.size === 1) return number([summary.entries].flat(Infinity)[0]);
    if (summary.size <= FEW)
      return `[${[summary.entries]
        .flat(Infinity)
        .map((x) => number(x))
        .join(" ")}]`;
    if (summary.min == null) return "not finite";
    if (summary.min === summary.max) return `all ${number(summary.min)}`;
    return `${number(summary.min)} … ${number(summary.max)}`;
  }

  /** A vertex by its symbol, unless its box shows that. */
  function called(v) {
    const symbol = tg.data.symbols[v.id];
    return v.name === symbol ? null : symbol;
  }

  /** A vertex by its symbol and by what it holds. */
  function told(v) {
    return [called(v), v.stats ? brief(v.stats) : null].filter(Boolean).join(" = ");
  }

  /** Text beside the middle of a box, where an edge may run: left of it above, right of it below. */
  function note({ bounds, output }, name, text, short) {
    const gap = output ? FRAME : GAP;
    const middle = bounds.x + bounds.width / 2;
    const where =
      name === "value"
        ? { x: middle - SIDE, y: bounds.y - gap }
        : { x: middle + SIDE, y: bounds.y + bounds.height + gap };
    return { text: tg.shape("text", { class: `note ${name}`, ...where }, text), short, middle };
  }

  const meet = (a, b) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  /**
   * Move notes to the other side of the middle, where they cover fewer of the others there, and
   * shorten those that still cover some.
   */
  function spread(notes) {
    const areas = notes.map(({ text }) => text.getBBox()); // all at once, which is one layout
    const covered = (i, area) => areas.filter((other, j) => j !== i && meet(area, other)).length;
    notes.forEach(({ text, middle }, i) => {
      const { x, y, width, height } = areas[i];
      const there = { x: 2 * middle - x - width, y, width, height };
      if (!covered(i, areas[i]) || covered(i, there) >= covered(i, areas[i])) return;
      areas[i] = there;
      text.setAttribute("x", 2 * middle - text.getAttribute("x"));
      text.classList.add("turned");
    });
    const crowded = [];
    notes.forEach(({ text, short }, i) => {
      if (!covered(i, areas[i])) return;
      crowded.push({ i, long: text.textContent, area: areas[i] });
      text.textContent = short;
      areas[i] = text.getBBox();
    });
    for (const { i, long, area } of crowded) {
      if (covered(i, area)) continue; // though those around it may have made room
      notes[i].text.textContent = long;
      areas[i] = area;
    }
  }

  function draw() {
    const view = tg.views.current();
    if (!view) return;
    view.root.querySelector(".notes")?.remove();
    if (view.boxes.length > MOST || !(values.size || gradients.size)) return;
    const notes = [];
    for (const [id, box] of view.places) {
      const v = tg.data.vertices[id];
      if (tg.views.isClosed(box) || box.vertices.at(-1) !== id) continue;
      if (values.has(id)) notes.push(note(box, "value", told(v), called(v) ?? "…"));
      if (gradients.has(id) && v.grad) notes.push(note(box, "gradient", brief(v.grad), "…"));
    }
    const group = tg.shape("g", { class: "notes", "aria-hidden": "true" });
    group.append(...notes.map(({ text }) => text));
    view.root.append(group);
    spread(notes);
  }

  /** Write the values of some vertices, and the gradients of some. */
  function write(ids, learned) {
    values = new Set(ids);
    gradients = new Set(learned);
    draw();
  }

  /** Put heads on edges along which gradients move, against the direction in which data do. */
  function point(edges) {
    const view = tg.views.current();
    view.root.querySelector(".heads")?.remove();
    const heads = tg.shape("g", { class: "heads" });
    for (const edge of edges) {
      const path = edge.querySelector("path");
      const start = path.getPointAtLength(0);
      const next = path.getPointAtLength(HEAD);
      const turn = (Math.atan2(next.y - start.y, next.x - start.x) * 180) / Math.PI;
      heads.append(
        tg.shape("polygon", {
          class: "head",
          points: `0,0 ${HEAD},-5 ${HEAD},5`,
          transform: `translate(${start.x} ${start.y}) rotate(${turn.toFixed(1)})`,
        }),
      );
    }
    view.root.append(heads);
  }

  tg.views.onopen(draw);

  return { write, point };
})();
