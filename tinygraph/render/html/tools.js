// The bars: where one is, in how much detail, in which colours.
tg.tools = (() => {
  const SCHEMES = { auto: "Colours of the system", light: "Light colours", dark: "Dark colours" };
  const root = document.documentElement;
  const bar = tg.byId("tools");

  function button(id, text, title, click) {
    return tg.element("button", { id, title, "aria-label": title, click }, text);
  }

  // -- how much detail, and the way in

  const detail = (view) =>
    tg.element("option", { value: view.id }, `Detail: ${view.title.toLowerCase()}`);
  const levels = tg.views.roots();
  const level = tg.element(
    "select",
    { id: "level", "aria-label": "Detail", change: () => tg.views.open(level.value) },
    ...levels.map(detail),
  );
  const path = tg.byId("path");

  function showPath(view) {
    const [top, ...inner] = tg.views.path();
    level.value = top.id;
    const steps = inner.map((step) => {
      const here = step === view ? "page" : null;
      const open = () => tg.views.open(step.id);
      return tg.element("button", { class: "step", "aria-current": here, click: open }, step.title);
    });
    const start = tg.element(
      "button",
      { class: "step", click: () => tg.views.open(top.id) },
      "Whole graph",
    );
    path.replaceChildren(...(inner.length ? [start, ...steps] : levels.length > 1 ? [level] : []));
    path.scrollLeft = path.scrollWidth;
    tg.byId("notes").replaceChildren(
      ...(view.notes ?? []).map((note) => tg.element("p", {}, note)),
    );
  }
  tg.views.onopen(showPath);

  // -- colours

  let scheme = "auto";

  function setScheme(name) {
    scheme = name;
    if (name === "auto") delete root.dataset.scheme;
    else root.dataset.scheme = name;
    tg.byId("scheme").setAttribute("aria-label", SCHEMES[name]);
    tg.byId("scheme").title = SCHEMES[name];
  }

  /** Go on to the next colours: from the system's to those that it has not. */
  function turnScheme() {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const names = isDark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    setScheme(names[(names.indexOf(scheme) + 1) % names.length]);
    tg.say(SCHEMES[scheme]);
  }

  // -- the legend

  function legend() {
    const box = tg.byId("legend");
    box.hidden = !box.hidden;
    tg.byId("explain").setAttribute("aria-pressed", String(!box.hidden));
  }

  for (const [sample, text] of tg.data.legend) {
    const markup = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -9 28 18">${sample}</svg>`;
    const drawn = new DOMParser().parseFromString(markup, "image/svg+xml").documentElement;
    tg.byId("legend").append(tg.element("p", {}, document.importNode(drawn, true), text));
  }

  bar.append(
    button("explain", "Legend", "What shapes and lines mean", legend),
    button("save", "SVG", "Save this picture as SVG", () => tg.export.save()),
    button("scheme", "◐", SCHEMES.auto, turnScheme),
    button("keys", "?", "Keys", () => tg.keys.help()),
  );
  tg.byId("zoom").append(
    button("nearer", "+", "Nearer", () => tg.camera.zoom(1.25)),
    button("farther", "−", "Farther", () => tg.camera.zoom(0.8)),
    button("fit", "⤢", "Fit into the window", () => tg.camera.fit()),
  );
  return { turnScheme };
})();
