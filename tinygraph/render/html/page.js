// What is selected and marked, and the panels at the side: what other scripts build on.
tg.page = (() => {
  const panels = new Map();
  const listeners = [];
  const marks = new Map(); // name -> vertices
  let selected = null; // a vertex, or null
  let box = null; // what stands for it in the open view, or a closed module

  // -- selection

  /** Select a vertex by its id: show its details and its box, in the view where it is open. */
  function select(id) {
    const view = tg.views.showing(id);
    selected = id;
    if (view) tg.views.open(view.id);
    choose(tg.views.boxOf(id) ?? null);
    if (box) tg.camera.reveal(box.group);
    for (const listener of listeners) listener(id);
  }

  /** Select a box: the vertex that it stands for or, if it is closed, all of them. */
  function selectBox(chosen) {
    if (!tg.views.isClosed(chosen)) {
      const id = chosen.vertices.at(-1);
      if (tg.views.boxOf(id) === chosen) return select(id);
      selected = id; // a rule beside its operation
    } else selected = null;
    choose(chosen);
    for (const listener of listeners) listener(selected, chosen);
  }

  /** Select nothing. */
  function selectNone() {
    selected = null;
    choose(null);
    for (const listener of listeners) listener(null);
  }

  function choose(chosen) {
    box?.group.classList.remove("selected");
    box?.group.removeAttribute("aria-pressed");
    box = chosen;
    box?.group.classList.add("selected");
    box?.group.setAttribute("aria-pressed", "true");
  }

  // -- marks

  /** Give the boxes of some vertices the class ``mark-NAME``, and take it from all others. */
  function mark(name, ids) {
    marks.set(name, [...ids]);
    paint(name);
  }

  function paint(name) {
    const view = tg.views.current();
    if (!view) return;
    for (const group of view.root.querySelectorAll(`.mark-${name}`)) {
      group.classList.remove(`mark-${name}`);
    }
    for (const id of marks.get(name)) tg.views.boxOf(id)?.group.classList.add(`mark-${name}`);
  }

  tg.views.onopen(() => {
    for (const name of marks.keys()) paint(name);
    if (selected !== null) choose(tg.views.boxOf(selected) ?? null);
    else if (box) selectNone(); // a closed module of another view
  });

  // -- panels

  /** Add a panel to the side, with a tab that shows it. */
  function panel(name, title, element) {
    const tab = tg.element(
      "button",
      {
        id: `tab-${name}`,
        role: "tab",
        "aria-controls": `panel-${name}`,
        click: () => show(name),
        keydown: (event) => turn(event, name),
      },
      title,
    );
    const content = tg.element(
      "div",
      { id: `panel-${name}`, class: "panel", role: "tabpanel", "aria-labelledby": `tab-${name}` },
      element,
    );
    panels.set(name, { tab, content });
    tg.byId("tabs").append(tab);
    tg.byId("panels").append(content);
    show([...panels.keys()][0]);
  }

  /** Show the panel of a name. */
  function show(name) {
    for (const [other, { tab, content }] of panels) {
      tab.setAttribute("aria-selected", String(other === name));
      tab.setAttribute("tabindex", other === name ? "0" : "-1");
      content.hidden = other !== name;
    }
  }

  function turn(event, name) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const names = [...panels.keys()];
    const next = names[(names.indexOf(name) + step + names.length) % names.length];
    show(next);
    panels.get(next).tab.focus();
    event.stopPropagation();
  }

  return {
    select,
    selectBox,
    selectNone,
    mark,
    panel,
    show,
    onselect: (listener) => listeners.push(listener),
    selected: () => selected,
    box: () => box,
  };
})();
