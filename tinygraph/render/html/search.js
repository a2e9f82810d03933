// Finding operations, parameters and modules by their names.
tg.search = (() => {
  const MOST = 40; // suggestions

  const entries = tg.data.vertices
    .filter((v) => v.kind !== "constant")
    .map((v) => ({
      id: v.id,
      key: v.key,
      what: v.function ?? v.kind,
      text: [v.key, v.name, v.function, v.kind, v.dtype, `(${(v.shape ?? []).join(", ")})`]
        .join(" ")
        .toLowerCase(),
    }));

  const field = tg.element("input", {
    id: "search",
    type: "search",
    placeholder: "Search",
    autocomplete: "off",
    spellcheck: "false",
    role: "combobox",
    "aria-label": "Search operations, parameters and modules",
    "aria-controls": "found",
    "aria-expanded": "false",
    input: look,
    focus: look,
    keydown: turn,
  });
  const found = tg.element("ul", {
    id: "found",
    role: "listbox",
    "aria-label": "Found",
    hidden: true,
  });
  let results = [];
  let active = -1;

  /** The vertices that a text names: all its words are in what is known of them. */
  function find(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const hits = entries.filter((entry) => words.every((word) => entry.text.includes(word)));
    const rank = (entry) => {
      const name = entry.key.toLowerCase().split("/").at(-1);
      return name === words[0] ? 0 : name.startsWith(words[0]) ? 1 : 2;
    };
    return hits.sort((a, b) => rank(a) - rank(b) || a.id - b.id);
  }

  function look() {
    results = find(field.value);
    active = results.length ? 0 : -1;
    tg.page.mark(
      "found",
      results.map((entry) => entry.id),
    );
    const options = results.slice(0, MOST).map(option);
    const more = results.length - options.length;
    if (more > 0) options.push(note(`and ${more.toLocaleString("en")} more`));
    if (!results.length && field.value.trim()) options.push(note("nothing of that name"));
    found.replaceChildren(...options);
    unfold(options.length > 0);
    activate();
    if (field.value.trim()) tg.say(`${results.length} found`);
  }

  const note = (text) => tg.element("li", { class: "note" }, text);

  function option(entry, i) {
    return tg.element(
      "li",
      {
        id: `found-${i}`,
        role: "option",
        mousedown: (event) => event.preventDefault(),
        click: () => go(i),
      },
      tg.element("span", {}, entry.key),
      tg.element("small", {}, entry.what),
    );
  }

  function activate() {
    for (const item of found.querySelectorAll("[role=option]")) {
      const chosen = item.id === `found-${active}`;
      item.setAttribute("aria-selected", String(chosen));
      if (chosen) item.scrollIntoView({ block: "nearest" });
    }
    if (active < 0) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", `found-${active}`);
  }

  function unfold(open) {
    found.hidden = !open;
    field.setAttribute("aria-expanded", String(open));
  }

  function go(i) {
    if (!results[i]) return;
    unfold(false);
    tg.page.select(results[i].id);
    tg.page.show("details");
  }

  function turn(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const count = Math.min(results.length, MOST);
    if (step && count) {
      active = (active + step + count) % count;
      activate();
      event.preventDefault();
    } else if (event.key === "Enter") go(active);
    else if (event.key === "Escape") leave();
    event.stopPropagation();
  }

  /** Forget what was searched. */
  function leave() {
    field.value = "";
    look();
    unfold(false);
    field.blur();
  }

  field.addEventListener("blur", () => unfold(false));
  tg.byId("tools").append(tg.element("div", { id: "searching" }, field, found));
  return { focus: () => field.select(), find };
})();
