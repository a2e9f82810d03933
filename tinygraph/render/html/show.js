// Numbers and arrays as text, tables and pictures.
tg.show = (() => {
  // Vertices tell the places of their summaries in a list, where each stands once.
  const summaries = tg.data.summaries;
  for (const v of tg.data.vertices) {
    for (const name of ["stats", "grad", "arrived"]) v[name] = summaries[v[name]];
    for (const name of ["contributions", "reductions"]) v[name] = v[name]?.map((i) => summaries[i]);
    v.aux = v.aux?.map(([name, i]) => [name, summaries[i]]);
  }

  const DIGITS = 3;
  const TINY = 1e-3; // less, and more than LARGE, is written with an exponent
  const LARGE = 1e6;
  const LINE = 6; // numbers of a row that is not broken

  /** A number with three significant digits: 0.333, −2, 1.5e−7; of a whole one all of them. */
  function number(x, digits = DIGITS) {
    if (typeof x === "boolean") return x ? "True" : "False";
    if (typeof x === "string") return x.replace("Infinity", "∞").replace("-", "−");
    if (x == null) return "–";
    if (!Number.isFinite(x)) return number(String(x));
    const size = Math.abs(x);
    if (Number.isInteger(x) && size < LARGE) return String(x).replace("-", "−");
    const rounded = Number(x.toPrecision(digits));
    const plain = size >= TINY && size < LARGE;
    const text = plain ? String(rounded) : rounded.toExponential();
    return text.replaceAll("-", "−").replace("e+", "e");
  }

  // -- what is known of an array

  const blocks = new WeakMap();

  /** The entries that are known of an array: all, or its leading ones; with their shape. */
  function block(summary) {
    if (!blocks.has(summary)) blocks.set(summary, unpacked(summary));
    return blocks.get(summary);
  }

  function unpacked(summary) {
    if (summary.entries !== undefined) {
      const shape = [];
      for (let x = summary.entries; Array.isArray(x); x = x[0]) shape.push(x.length);
      return { shape, numbers: [summary.entries].flat(Infinity).map(Number) };
    }
    if (summary.numbers === undefined) return null;
    const bytes = Uint8Array.from(atob(summary.numbers), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const numbers = Array.from({ length: bytes.length / 4 }, (_, i) =>
      view.getFloat32(4 * i, true),
    );
    return { shape: summary.leading, numbers };
  }

  /** The pictures in a block: its last two axes, for each place on the others. */
  function pictures({ shape, numbers }) {
    const columns = shape.at(-1) ?? 1;
    const rows = shape.at(-2) ?? 1;
    const size = rows * columns;
    const count = size ? numbers.length / size : 0;
    return Array.from({ length: count }, (_, k) => ({
      rows,
      columns,
      at: (r, c) => numbers[k * size + r * columns + c],
    }));
  }

  // -- as elements

  /** A small array as a matrix in brackets; its pictures one below the other. */
  function matrix(summary) {
    const known = block(summary);
    if (!known.shape.length)
      return tg.element("span", { class: "number" }, number(summary.entries));
    if (!known.numbers.length) return tg.element("span", { class: "none" }, "empty");
    if (known.shape.length === 1 && known.shape[0] > LINE) return vector(known.numbers);
    const parts = pictures(known).map((picture) => {
      const lines = Array.from({ length: picture.rows }, (_, r) => line(picture, r));
      return tg.element("tbody", {}, ...lines);
    });
    return tg.element("table", { class: "matrix" }, ...parts);
  }

  /** A long row, which is broken into lines. */
  function vector(numbers) {
    const entries = numbers.map((x) => tg.element("span", {}, number(x)));
    return tg.element("span", { class: "vector" }, ...entries);
  }

  function line(picture, r) {
    const cell = (_, c) => tg.element("td", {}, number(picture.at(r, c)));
    return tg.element("tr", {}, ...Array.from({ length: picture.columns }, cell));
  }

  const many = (count) => (count ? count.toLocaleString("en") : "");

  function statistics(summary) {
    const parts = [
      ["min", number(summary.min)],
      ["mean", number(summary.mean)],
      ["max", number(summary.max)],
      ["norm", number(summary.norm)],
      ["zeros", many(summary.zeros)],
      ["NaN", many(summary.nans)],
      ["infinite", many(summary.infs)],
    ].filter(([, value]) => value);
    const pair = ([name, value]) =>
      tg.element("div", {}, tg.element("dt", {}, name), tg.element("dd", {}, value));
    return tg.element("dl", { class: "statistics" }, ...parts.map(pair));
  }

  function histogram(summary) {
    const counts = summary.histogram;
    const most = Math.max(...counts, 1);
    const bar = (count, i) => {
      const height = (40 * count) / most;
      return tg.shape("rect", { x: i * 10 + 1, width: 8, y: 40 - height, height });
    };
    const label = `histogram from ${number(summary.min)} to ${number(summary.max)}`;
    const svg = { class: "histogram", viewBox: `0 0 ${counts.length * 10} 41`, role: "img" };
    return tg.element(
      "figure",
      { class: "distribution" },
      tg.shape("svg", { ...svg, "aria-label": label }, ...counts.map(bar)),
      tg.element(
        "figcaption",
        {},
        tg.element("span", {}, number(summary.min)),
        tg.element("span", {}, number(summary.max)),
      ),
    );
  }

  /** What a large array holds: a picture, and numbers that tell of all of it. */
  const large = (known, shape) =>
    tg.element("div", { class: "large" }, tg.heat.maps(known, shape), statistics(known));

  /** What an array holds: all of it if that is little, else also a histogram. */
  function summary(known, shape) {
    if (known.entries !== undefined) return matrix(known);
    const all = large(known, shape);
    all.append(histogram(known));
    return all;
  }

  return { number, block, pictures, matrix, large, summary };
})();
