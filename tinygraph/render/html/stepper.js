// The walk: forward, then backward, one operation at a time, forth and back.
tg.stepper = (() => {
  const el = tg.element;
  const { steps, vertices } = tg.data;
  const half = steps.findIndex((step) => step.phase === "backward"); // where backward begins

  const valueAt = new Map(); // vertex -> the step after which it is known
  const gradientAt = new Map();
  let at = 0;
  let leading = false; // whether a selection is ours
  let slider, count, card, panel;

  /** The vertices that a rule sends something to. */
  function receivers({ vertex, parts }) {
    return parts.map(({ operand }) => vertices[vertex].operands[operand]);
  }

  for (const step of steps) {
    if (step.kind === "start") for (const id of step.vertices) valueAt.set(id, step.id);
    if (step.kind === "forward") valueAt.set(step.vertex, step.id);
    if (step.kind === "seed" || step.kind === "sum") gradientAt.set(step.vertex, step.id);
    if (step.kind === "rule") for (const id of receivers(step)) gradientAt.set(id, step.id);
  }
  for (const step of steps) if (step.kind === "sum") gradientAt.set(step.vertex, step.id);

  // -- the picture

  function known(times) {
    return [...times].filter(([, time]) => time <= at).map(([id]) => id);
  }

  function paint() {
    const visible = !panel.hidden;
    const step = visible ? steps[at] : {};
    const links = moving(step);
    const later = vertices.map((v) => v.id).filter((id) => visible && valueAt.get(id) > at);
    tg.page.mark("now", step.vertex === undefined ? [] : [step.vertex]);
    tg.page.mark("from", step.kind === "forward" ? links.map(([tail]) => tail) : []);
    tg.page.mark("to", step.kind === "rule" ? links.map(([tail]) => tail) : []);
    tg.page.mark("later", later);
    tg.whiteboard.write(visible ? known(valueAt) : [], visible ? known(gradientAt) : []);
    flow(links, step.phase === "forward");
  }

  /** Between which vertices something moves in a step: pairs of an operand and its user. */
  function moving(step) {
    const here = step.vertex;
    if (step.kind === "forward") {
      const { operands } = vertices[here];
      return operands.filter((id) => id !== null).map((id) => [id, here]);
    }
    if (step.kind === "rule") return receivers(step).map((id) => [id, here]);
    if (step.kind === "sum") return step.parts.map(([user]) => [here, user]);
    return [];
  }

  /** Let edges show what moves along them: down, or as gradients up. */
  function flow(links, down) {
    const view = tg.views.current();
    if (!view) return;
    const place = (id) => view.places.get(id)?.place;
    const found = new Set(links.map(([tail, head]) => `${place(tail)} ${place(head)}`));
    const on = view.edges.filter(({ dataset }) => found.has(`${dataset.tail} ${dataset.head}`));
    for (const edge of view.edges) {
      edge.classList.toggle("flowing", down && on.includes(edge));
      edge.classList.toggle("returning", !down && on.includes(edge));
    }
    tg.whiteboard.point(down ? [] : on);
  }

  // -- the walk

  function go(to) {
    at = Math.min(steps.length - 1, Math.max(0, to));
    const step = steps[at];
    slider.value = at;
    slider.setAttribute("aria-valuetext", tg.cards.title(step));
    count.textContent = `${at + 1} of ${steps.length}`;
    card.replaceChildren(...tg.cards.card(step));
    tg.byId("panels").scrollTop = 0;
    if (step.vertex !== undefined && !panel.hidden) {
      leading = true;
      tg.page.select(step.vertex);
      leading = false;
    }
    paint();
    tg.say(`Step ${at + 1} of ${steps.length}. ${tg.cards.title(step)}`);
  }

  /** Go so many steps on or back, and show where that leads. */
  function turn(by) {
    if (!panel) return;
    if (panel.hidden) tg.page.show("steps");
    else go(at + by);
  }

  /** Go to the step of a vertex, in the direction in which one walks. */
  function follow(id) {
    if (leading || panel.hidden || id === null) return;
    const phase = steps[at].phase;
    const of = steps.filter((step) => step.vertex === id);
    const step = of.find((x) => x.phase === phase && x.kind !== "seed") ?? of[0];
    if (step) go(step.id);
  }

  function keys(event) {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: steps.length - 1 }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    go(to);
    event.preventDefault();
    event.stopPropagation();
  }

  // -- the panel

  function button(sign, label, to) {
    return el("button", { "aria-label": label, title: label, click: () => go(to()) }, sign);
  }

  function build() {
    const last = steps.length - 1;
    slider = el("input", {
      ...{ type: "range", min: 0, max: last, value: 0, "aria-label": "Step" },
      input: () => go(Number(slider.value)),
    });
    slider.style.setProperty(
      "--half",
      `${(100 * (half < 0 ? last : half - 0.5)) / Math.max(1, last)}%`,
    );
    count = el("span", { class: "count" });
    card = el("div", { id: "card" });
    const advice = tg.cards.advice();
    const controls = el(
      "div",
      { class: "controls" },
      button("⇤", "First step", () => 0),
      button("‹", "Previous step", () => at - 1),
      count,
      button("›", "Next step", () => at + 1),
      button("⇥", "Last step", () => steps.length - 1),
    );
    const jump = (text, to) => el("button", { click: () => go(to) }, text);
    const names = el("div", { class: "phases" }, jump("forward", 0), jump("backward", half));
    return el(
      "div",
      { id: "stepper", keydown: keys },
      el("div", { class: "bar" }, controls, slider, half > 0 ? names : null),
      advice ? el("p", { class: "advice" }, ...advice) : null,
      card,
    );
  }

  function start() {
    if (!steps.length) return;
    const content = build();
    tg.page.panel("steps", "Steps", content);
    panel = content.closest(".panel");
    new MutationObserver(() => go(at)).observe(panel, {
      attributes: true,
      attributeFilter: ["hidden"],
    });
    tg.page.onselect(follow);
    tg.views.onopen(paint);
    card.replaceChildren(...tg.cards.card(steps[0]));
    count.textContent = `1 of ${steps.length}`;
  }

  return { start, go, turn };
})();
