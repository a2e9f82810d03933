// Heat maps: arrays as pictures, blue below zero and red above, with their numbers at hand.
tg.heat = (() => {
  const SHOWN = 8; // pictures of one array
  const WIDE = 320; // pixels of a picture by itself
  const HIGH = 300; // and how high it may be,
  const LEAST = 6; // unless cells were smaller than that
  const LONG = 6; // characters of a number in a cell
  const LEGIBLE = 7.6; // pixels of the smallest letters

  const MASK = 1e4; // times farther from 0 than all else: what stands for nothing

  const farthest = (sizes) => sizes.reduce((most, x) => Math.max(most, x), 0);

  /** The largest absolute value among some numbers, but not that of a mask, −1e9 say. */
  function extent(numbers) {
    const sizes = numbers.filter(Number.isFinite).map(Math.abs);
    const most = farthest(sizes);
    const rest = most < MASK ? most : farthest(sizes.filter((x) => x < most));
    return rest && rest * MASK < most ? rest : most;
  }

  /** One picture as a map of cells.
   *
   * `most` is the value of the strongest colour, `width` that of the map in pixels.  With `pick`,
   * a cell can be chosen: by mouse, by finger, or by arrow keys.
   */
  function map(picture, { most, width = WIDE, label, pick, numbers = true, largest = 40 }) {
    const { rows, columns } = picture;
    const cell = Math.min(largest, width / columns, Math.max(HIGH / rows, LEAST));
    const svg = tg.shape("svg", {
      class: pick ? "heat pickable" : "heat",
      viewBox: `0 0 ${columns} ${rows}`,
      width: Math.round(cell * columns),
      height: Math.round(cell * rows),
      role: "img",
      "aria-label": label,
    });
    const letters = numbers && cell > LEGIBLE ? fitting(picture) : 0;
    const legible = cell * letters >= LEGIBLE;
    if (legible) svg.setAttribute("font-size", letters.toFixed(3));
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < columns; c += 1)
        svg.append(...drawn(picture.at(r, c), r, c, most, legible));
    }
    const marks = tg.shape("g", { class: "marks" });
    svg.append(marks);
    const chart = {
      element: svg,
      rows,
      columns,
      mark: (name, spots) => mark(marks, name, spots),
    };
    if (pick) listen(chart, pick);
    return chart;
  }

  function drawn(value, r, c, most, legible) {
    const odd = !Number.isFinite(value);
    const name = odd ? "odd" : value < 0 ? "below" : "above";
    const rect = tg.shape("rect", { class: name, x: c, y: r, width: 1, height: 1 });
    const part = most && !odd ? Math.min(1, Math.abs(value) / most) : 0;
    rect.style.setProperty("--part", `${(100 * part).toFixed(1)}%`);
    if (!legible) return [rect];
    const text = brief(value);
    return [rect, tg.shape("text", { x: c + 0.5, y: r + 0.5 }, text)];
  }

  /** A number for a cell: where it is long, with two digits. */
  function brief(x) {
    const text = tg.show.number(x);
    return text.length > LONG ? tg.show.number(x, 2) : text;
  }

  /** The size of letters, in cells, at which the longest number of a picture fits. */
  function fitting({ rows, columns, at }) {
    const lengths = Array.from(
      { length: rows * columns },
      (_, i) => brief(at(Math.floor(i / columns), i % columns)).length,
    );
    return Math.min(0.32, 1.52 / Math.max(...lengths));
  }

  /** Draw frames around some cells, given as [row, column]. */
  function mark(marks, name, spots) {
    for (const old of marks.querySelectorAll(`.${name}`)) old.remove();
    for (const [y, x] of spots) {
      marks.append(tg.shape("rect", { class: name, x, y, width: 1, height: 1 }));
    }
  }

  // -- choosing a cell

  /** The cell of a map at which an event is. */
  function cellAt({ element, rows, columns }, event) {
    const box = element.getBoundingClientRect();
    const r = Math.floor(((event.clientY - box.top) / box.height) * rows);
    const c = Math.floor(((event.clientX - box.left) / box.width) * columns);
    return [Math.min(rows - 1, Math.max(0, r)), Math.min(columns - 1, Math.max(0, c))];
  }

  function listen(chart, pick) {
    const svg = chart.element;
    let at = [0, 0];
    const choose = (r, c) => {
      const row = Math.min(chart.rows - 1, Math.max(0, r));
      const column = Math.min(chart.columns - 1, Math.max(0, c));
      at = [row, column];
      chart.mark("picked", [at]);
      pick(row, column);
    };
    const follow = (event) => {
      const [r, c] = cellAt(chart, event);
      if (r !== at[0] || c !== at[1]) choose(r, c);
    };
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("role", "application");
    svg.addEventListener("pointermove", follow);
    svg.addEventListener("pointerdown", follow);
    svg.addEventListener("keydown", (event) => {
      const move = {
        ArrowUp: [-1, 0],
        ArrowDown: [1, 0],
        ArrowLeft: [0, -1],
        ArrowRight: [0, 1],
      };
      const step = move[event.key];
      if (!step) return;
      choose(at[0] + step[0], at[1] + step[1]);
      event.preventDefault();
      event.stopPropagation();
    });
    chart.choose = choose;
  }

  // -- all of an array

  /** The pictures of an array, with a scale and with what of it they show. */
  function maps(summary, shape = []) {
    const block = tg.show.block(summary);
    if (!block) return null;
    const found = tg.show.pictures(block);
    const shown = found.slice(0, SHOWN);
    const most = extent(block.numbers);
    const width = shown.length === 1 ? WIDE : shown.length <= 4 ? WIDE / 2 - 4 : WIDE / 4 - 6;
    const said = tg.element("span", {}, extract(block, shown, shape));
    const charts = shown.map((picture, i) => {
      const label = `heat map ${i + 1} of ${shown.length}, from ${span(summary)}`;
      const chart = map(picture, { most, width, label, largest: shown.length === 1 ? 40 : 30 });
      tell(chart, picture, said);
      return chart.element;
    });
    return tg.element(
      "figure",
      { class: "maps" },
      tg.element("div", { class: "gallery" }, ...charts),
      tg.element("figcaption", {}, scale(most), said),
    );
  }

  /** Say the number of the cell at which one points, in place of what is said else. */
  function tell(chart, picture, said) {
    const usual = said.textContent;
    chart.element.addEventListener("pointermove", (event) => {
      const [r, c] = cellAt(chart, event);
      said.textContent = `row ${r + 1}, column ${c + 1}: ${tg.show.number(picture.at(r, c))}`;
    });
    chart.element.addEventListener("pointerleave", () => {
      said.textContent = usual;
    });
  }

  const span = (summary) => `${tg.show.number(summary.min)} to ${tg.show.number(summary.max)}`;

  /** The colours, and the values that they stand for. */
  function scale(most) {
    return tg.element(
      "span",
      { class: "scale" },
      tg.element("span", {}, tg.show.number(-most)),
      tg.element("span", { class: "colors" }),
      tg.element("span", {}, tg.show.number(most)),
    );
  }

  /** What of an array is shown: "rows 1–28 of 224, channels 1–8 of 64". */
  function extract(block, shown, shape) {
    const axes = block.shape.length;
    const names = { 2: ["rows", "columns"], 4: ["images", "channels", "rows", "columns"] }[axes];
    const lengths = [...block.shape];
    for (let axis = axes - 3, left = shown.length; axis >= 0; axis -= 1) {
      lengths[axis] = Math.min(lengths[axis], Math.max(1, left));
      left = Math.floor(left / lengths[axis]);
    }
    const parts = lengths.map((length, axis) => {
      const whole = shape[axis] ?? length;
      if (length === whole) return null;
      const name = names?.[axis].slice(0, length === 1 ? -1 : undefined) ?? `axis ${axis}:`;
      return `${name} ${length === 1 ? 1 : `1–${length}`} of ${whole.toLocaleString("en")}`;
    });
    return parts.filter(Boolean).join(", ");
  }

  /** A small picture of an array, to stand in a formula. */
  function thumbnail(summary, shape) {
    const block = tg.show.block(summary);
    const size = shape.join("×");
    const label = `array ${size}, from ${span(summary)}`;
    if (!block) return tg.element("span", { class: "thumbnail", title: label }, size);
    const [picture] = tg.show.pictures(block);
    const width = Math.min(72, 14 * picture.columns);
    const chart = map(picture, { most: extent(block.numbers), width, label, numbers: false });
    return tg.element("span", { class: "thumbnail" }, chart.element, tg.element("small", {}, size));
  }

  return { map, maps, scale, thumbnail, extent };
})();
