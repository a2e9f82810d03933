// Formulas: stated with names, and written out with numbers, matrices and small pictures.
tg.equations = (() => {
  const TIMES = "·";
  const FEW = 6; // entries of an array that stands in a formula
  const SQUARE = 16; // and of one that is no wider than high
  const el = tg.element;
  const { vertices, symbols } = tg.data;

  /** The array that stands at a place of a formula, and its shape, or undefined. */
  function array([kind, , id, i]) {
    const v = vertices[id];
    if (kind === "aux") return { summary: v.aux[i][1], shape: v.shape ?? [] };
    return { summary: kind === "grad" ? v.grad : v.stats, shape: v.shape ?? [] };
  }

  /** The number that stands at a place, if it is one that needs no record. */
  function constant([kind, , where]) {
    if (kind === "number") return where;
    return kind === "value" ? vertices[where].value : undefined;
  }

  /** An array in a formula: a number, a matrix, or a small picture. */
  function inline(summary, shape) {
    const square = summary.size <= SQUARE && (shape.at(-1) ?? 1) <= Math.sqrt(SQUARE);
    const few = summary.entries !== undefined && (summary.size <= FEW || square);
    return few ? tg.show.matrix(summary) : tg.heat.thumbnail(summary, shape);
  }

  function scalar(x, first) {
    const text = tg.show.number(x);
    return el("span", { class: "number" }, x < 0 && !first ? `(${text})` : text);
  }

  function written(token, first) {
    const fixed = constant(token);
    if (fixed !== undefined) return scalar(fixed, first);
    const { summary, shape } = array(token);
    if (!summary) return named(token);
    return shape.length || summary.entries === undefined
      ? inline(summary, shape)
      : scalar(summary.entries, first);
  }

  /** The symbol of a vertex, which leads to it. */
  function symbol(id) {
    const shown = { class: `symbol ${vertices[id].kind}`, click: () => tg.page.select(id) };
    return el("button", shown, symbols[id]);
  }

  const named = ([kind, name, where]) =>
    kind === "number" ? scalar(where, true) : kind === "value" ? symbol(where) : el("i", {}, name);

  const stated = ([, name]) => el("i", {}, name);

  function build(tokens, place, times) {
    const writer = new Writer();
    for (const token of tokens) {
      if (token === TIMES) writer.text(times);
      else if (typeof token === "string") writer.text(token);
      else writer.add(place(token, writer.begins));
    }
    return writer.parts;
  }

  /** Puts a formula together: what follows "^", or is in "^( )", is an exponent. */
  class Writer {
    parts = [];
    exponent = null;
    single = false; // whether the exponent is what comes next

    get begins() {
      return !this.parts.length || Boolean(this.exponent && !this.exponent.childNodes.length);
    }

    add(content) {
      (this.exponent ?? { append: (x) => this.parts.push(x) }).append(content);
      if (this.single) this.exponent = null;
      this.single = false;
    }

    text(text) {
      if (this.exponent) {
        const [inside, ...rest] = text.split(")");
        this.exponent.append(inside);
        if (!rest.length) return;
        this.exponent = null;
        if (rest.join(")")) this.text(rest.join(")"));
        return;
      }
      const [, before, raised] = text.match(/^(.*?)(\^\(?)?$/s);
      if (before) this.parts.push(el("span", {}, before));
      if (!raised) return;
      this.exponent = el("sup", {});
      this.parts.push(this.exponent);
      this.single = raised === "^";
    }
  }

  /** A formula as the docstring states it, with the names of arguments. */
  const asStated = (tokens) => build(tokens, stated, "\u2009");

  /** A formula with the symbols of vertices. */
  const withSymbols = (tokens) => build(tokens, named, "\u2009");

  /** A formula with numbers, or null where none are known. */
  function withNumbers(tokens) {
    const places = tokens.filter((token) => Array.isArray(token));
    const known = (token) => constant(token) !== undefined || array(token).summary;
    return places.length && places.every(known) ? build(tokens, written, " · ") : null;
  }

  /** What a rule calls its arguments: pairs of a name and of a vertex. */
  function meanings(lines) {
    const found = new Map();
    for (const token of lines.flatMap((line) => line.text)) {
      if (Array.isArray(token) && token[0] === "value") found.set(token[1], token[2]);
    }
    return [...found];
  }

  return { inline, symbol, asStated, withSymbols, withNumbers, meanings };
})();
