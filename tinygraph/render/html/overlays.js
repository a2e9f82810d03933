// Overlays: boxes painted, and labelled, by how much of something they have.
tg.overlays = (() => {
  const NAMES = {
    grad_norm: "gradient norm",
    time: "time",
    flops: "FLOPs",
    bytes: "bytes",
    nonfinite: "NaN and infinity",
  };
  const HEIGHT = 13;

  const known = new Set(tg.data.views.flatMap((view) => Object.keys(view.overlays ?? {})));
  let chosen = tg.data.overlay ?? "";

  /** Paint the open view by the chosen overlay, and by none if there is none. */
  function paint() {
    const view = tg.views.current();
    const notes = view.overlays?.[chosen] ?? [];
    for (const box of view.boxes) {
      for (const name of [...box.group.classList]) {
        if (name.startsWith("paint-")) box.group.classList.remove(name, "painted");
      }
      box.group.querySelector(".badge")?.remove();
      const note = notes[box.place];
      if (!note) continue;
      const [mark, text] = note;
      box.group.classList.add("painted", `paint-${mark}`);
      if (text && mark !== "victim") box.group.append(badge(box, text));
    }
  }

  /** A label on the lower right corner of a box. */
  function badge({ bounds: { x, y, width, height } }, text) {
    const length = text.length * 5 + 8; // of letters at nine points, about
    const top = y + height - HEIGHT / 3;
    const left = Math.max(x + width - length + 8, x + width / 2 + 5); // beside what leaves it
    return tg.shape(
      "g",
      { class: "badge" },
      tg.shape("rect", { x: left, y: top, width: length, height: HEIGHT, rx: 6 }),
      tg.shape("text", { x: left + length / 2, y: top + 9.6 }, text),
    );
  }

  /** What the chosen overlay says of a box: lines of text. */
  function says(box) {
    const note = tg.views.current().overlays?.[chosen]?.[box.place];
    return note ? note.slice(1) : [];
  }

  function choose(name) {
    chosen = name;
    paint();
    tg.details.show(tg.page.selected(), tg.page.box());
    tg.say(name ? `coloured by ${NAMES[name]}` : "coloured by kind");
  }

  if (known.size) {
    const option = (value, text) =>
      tg.element("option", { value, selected: value === chosen }, text);
    const shown = Object.keys(NAMES).filter((name) => known.has(name));
    const select = tg.element(
      "select",
      { id: "overlay", "aria-label": "Colour by", change: () => choose(select.value) },
      option("", "Colour: kind"),
      ...shown.map((name) => option(name, `Colour: ${NAMES[name]}`)),
    );
    tg.byId("tools").append(select);
  }
  tg.views.onopen(paint);
  return { says, title: () => NAMES[chosen] };
})();
