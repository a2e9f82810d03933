// Highlighting: what a vertex is made of, what it leads to, and how the gradient comes to it.
tg.trace = (() => {
  const WAYS = {
    none: ["Off", "Highlight nothing"],
    ancestors: ["Made of", "Highlight all that it is made of (ancestors)"],
    descendants: ["Leads to", "Highlight all that is made of it (descendants)"],
    path: ["Way of the gradient", "Highlight the way of the gradient from the output back to it"],
  };

  const vertices = tg.data.vertices;
  const stage = tg.byId("stage");
  let way = "none";

  const before = (id) => (vertices[id].operands ?? []).filter((x) => x !== null);
  const after = (id) => tg.details.users[id];

  /** All that some vertices lead to by steps, and they themselves. */
  function reach(starts, step) {
    const found = new Set(starts);
    for (const id of found) for (const next of step(id)) found.add(next);
    return found;
  }

  /** The vertices to highlight when one is selected, or null. */
  function traced(id) {
    if (id === null || way === "none") return null;
    if (way === "ancestors") return reach([id], before);
    if (way === "descendants") return reach([id], after);
    const learns = (x) => vertices[x].requires_grad && vertices[x].phase === "forward";
    if (!learns(id)) return new Set([id]);
    const ends = tg.data.outputs.filter(learns);
    const back = reach(ends, (x) => before(x).filter(learns));
    return new Set([...reach([id], (x) => after(x).filter(learns))].filter((x) => back.has(x)));
  }

  function paint() {
    const view = tg.views.current();
    const found = traced(tg.page.selected());
    stage.classList.toggle("traced", found !== null);
    for (const box of view.boxes) {
      box.group.classList.toggle("on", found !== null && box.vertices.some((id) => found.has(id)));
    }
    for (const edge of view.edges) {
      const ends = [edge.dataset.tail, edge.dataset.head].map((place) => view.boxes[place].group);
      edge.classList.toggle(
        "on",
        ends.every((group) => group.classList.contains("on")),
      );
    }
    if (found) tg.say(`${found.size} highlighted`);
  }

  function choose(name) {
    way = way === name ? "none" : name;
    for (const button of bar.children) {
      button.setAttribute("aria-pressed", String(button.dataset.way === way));
    }
    paint();
  }

  const bar = tg.element("div", { id: "trace", role: "group", "aria-label": "Highlight" });
  for (const [name, [text, title]] of Object.entries(WAYS)) {
    const look = { "data-way": name, title, "aria-pressed": String(name === way) };
    bar.append(tg.element("button", { ...look, click: () => choose(name) }, text));
  }
  tg.page.onselect(paint);
  tg.views.onopen(paint);
  return { bar, choose };
})();
