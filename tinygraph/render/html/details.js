// The panel that tells all there is to know of what is selected.
tg.details = (() => {
  const panel = tg.element("div", { id: "details" });
  const vertices = tg.data.vertices;
  const users = vertices.map(() => []);
  for (const vertex of vertices) {
    for (const id of new Set(vertex.operands ?? [])) if (id !== null) users[id].push(vertex.id);
  }

  const title = (v) => v.name ?? v.function ?? (v.kind === "constant" ? String(v.value) : v.kind);

  function plain(value) {
    if (value === null) return "None";
    if (value === true) return "True";
    if (value === false) return "False";
    if (Array.isArray(value))
      return `(${value.map(plain).join(", ")}${value.length === 1 ? "," : ""})`;
    return String(value);
  }

  /** What the chosen overlay says of a box. */
  function overlay(box) {
    const lines = box ? tg.overlays.says(box) : [];
    if (!lines.length) return null;
    return section(tg.overlays.title(), ...lines.map((line) => tg.element("p", {}, line)));
  }

  /** A button that leads to a vertex. */
  function link(id) {
    const v = vertices[id];
    return tg.element(
      "button",
      { class: `link ${v.kind}`, click: () => tg.page.select(id) },
      v.key,
    );
  }

  function list(ids) {
    return ids.length
      ? tg.element(
          "span",
          { class: "links" },
          ...ids.map((id) => (id === null ? "None" : link(id))),
        )
      : null;
  }

  function facts(rows) {
    const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
    return tg.element(
      "dl",
      { class: "facts" },
      ...known.flatMap(([name, value]) => [
        tg.element("dt", {}, name),
        tg.element("dd", {}, value),
      ]),
    );
  }

  function section(name, ...content) {
    return tg.element("section", {}, tg.element("h3", {}, name), ...content);
  }

  const paragraphs = (texts, look) =>
    texts.filter(Boolean).map((text) => tg.element("p", look, text));

  /** The docstring, with the rule that it states set apart. */
  function doc(v) {
    const text = (v.doc ?? tg.data.docs[v.function] ?? "").replace(/\s+/g, " ").trim();
    const known = tg.data.rules[v.function] ?? [];
    const rules = text.includes(known[0]) ? known : []; // else those of a namesake
    const start = rules.length ? text.indexOf(rules[0]) : text.length;
    const last = rules.at(-1) ?? "";
    const end = text.indexOf(last, start) + last.length;
    const before = text.slice(0, start).replace(/:\s*$/, ".");
    const after = text.slice(end).replace(/^[\s.,;]+/, "");
    if (!text) return null;
    return tg.element(
      "div",
      { class: "doc" },
      ...paragraphs([before]),
      ...paragraphs(rules, { class: "rule" }),
      ...paragraphs([after]),
    );
  }

  const many = (x) => (x ? x.toLocaleString("en") : null);
  const duration = (x) => (x ? `${tg.show.number(x * 1000)} ms` : null);

  function vertex(v) {
    const settings = (v.attributes ?? []).map(([name, value]) => [name, plain(value)]);
    const saved = v.saved?.join(", ");
    const size =
      v.kind === "operation" || v.kind === "constant"
        ? null
        : (v.shape ?? []).reduce((a, b) => a * b, 1);
    return [
      tg.element(
        "header",
        {},
        tg.element("p", { class: `kind ${v.kind}` }, kind(v)),
        tg.element("h2", {}, title(v)),
        v.key === title(v) ? null : tg.element("p", { class: "key" }, v.key),
      ),
      tg.trace.bar,
      doc(v),
      overlay(tg.page.box()),
      v.stats ? section("Value", tg.show.summary(v.stats, v.shape)) : null,
      v.grad ? section("Gradient", tg.show.summary(v.grad, v.shape)) : null,
      section(
        "Facts",
        facts([
          ["shape", plain(v.shape ?? [])],
          ["dtype", v.dtype],
          ["numbers", many(size)],
          ["value", v.value],
          ...settings,
          ["takes", list(v.operands ?? [])],
          ["used by", list(users[v.id])],
          ["keeps", saved],
          ["FLOPs", many(v.flops)],
          ["bytes", many(v.bytes)],
          ["forward", duration(v.forward_time)],
          ["backward", duration(v.backward_time)],
          ["line", v.location],
        ]),
      ),
    ];
  }

  function kind(v) {
    if (v.kind === "operation") return v.name ? `operation · ${v.function}` : "operation";
    return v.kind;
  }

  const MANY = 60; // links in a list

  /** What a closed box holds. */
  function closed(box) {
    const ids = box.vertices.filter((id) => vertices[id].kind !== "constant");
    const more = ids.length - MANY;
    return [
      tg.element(
        "header",
        {},
        tg.element("p", { class: "kind module" }, tg.data.roles[box.role]),
        tg.element("h2", {}, box.lines[0]),
        ...box.lines.slice(1).map((line) => tg.element("p", { class: "key" }, line)),
      ),
      tg.element("button", { class: "open", click: () => tg.views.enter(box) }, "Open"),
      overlay(box),
      section(
        "Inside",
        list(ids.slice(0, MANY)),
        more > 0 ? tg.element("p", {}, `and ${more.toLocaleString("en")} more`) : null,
      ),
    ];
  }

  function whole() {
    const shown = vertices.filter((v) => v.phase === "forward");
    const comesIn = (v) => v.kind === "input" && v.value === undefined; // else a module made it
    const inputs = shown.filter(comesIn).map((v) => v.id);
    const total = (name) => shown.reduce((sum, v) => sum + (v[name] ?? 0), 0);
    return [
      tg.element(
        "header",
        {},
        tg.element("p", { class: "kind" }, "graph"),
        tg.element("h2", {}, tg.data.title),
        tg.element("p", { class: "key" }, tg.data.subtitle),
      ),
      tg.element("p", { class: "hint" }, "Choose a box to see what it is and what it holds."),
      section(
        "Facts",
        facts([
          ["outputs", list(tg.data.outputs)],
          ["inputs", list(inputs.slice(0, MANY))],
          ["FLOPs", many(total("flops"))],
          ["forward", duration(total("forward_time"))],
          ["backward", duration(total("backward_time"))],
        ]),
      ),
      section("Operations", facts(counts(shown))),
    ];
  }

  /** How often each operation occurs, the most frequent first. */
  function counts(shown) {
    const found = new Map();
    for (const v of shown) if (v.function) found.set(v.function, (found.get(v.function) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]).map(([name, n]) => [name, String(n)]);
  }

  function show(id, box) {
    const content = id === null ? (box ? closed(box) : whole()) : vertex(vertices[id]);
    panel.replaceChildren(...content.filter((part) => part));
    if (id !== null) tg.say(`${title(vertices[id])} selected`);
  }

  tg.page.panel("details", "Details", panel);
  tg.page.onselect(show);
  return { users, title, show };
})();
