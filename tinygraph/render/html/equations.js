// Formulas: stated with names, and written out with numbers, matrices and small pictures.
tg.equations = (() => {
  const TIMES = "·";
  const FEW = 6; // entries of an array that stands in a formula
  const SQUARE = 16; // and of one that is no wider than high
  const el = tg.element;
  const { vertices, symbols } = tg.data;

  /** The vertex that a formula of ``v`` means: itself, or one of its operands. */
  const meant = (place, v) => (place === null ? v : vertices[v.operands[place]]);

  /** The array that stands at a place of a formula of ``v``, and its shape, or undefined. */
  function array([kind, , place], v) {
    const shape = v.shape ?? [];
    if (kind === "aux") return { summary: v.aux[place][1], shape };
    if (kind === "grad") return { summary: v.grad, shape };
    const vertex = meant(place, v);
    return { summary: vertex.stats, shape: vertex.shape ?? [] };
  }

  /** The number that stands at a place, if it is one that needs no record. */
  function constant([kind, , place], v) {
    if (kind === "number") return place;
    return kind === "value" ? meant(place, v).value : undefined;
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

  function written(token, first, v) {
    const fixed = constant(token, v);
    if (fixed !== undefined) return scalar(fixed, first);
    const { summary, shape } = array(token, v);
    if (!summary) return named(token, first, v);
    return shape.length || summary.entries === undefined
      ? inline(summary, shape)
      : scalar(summary.entries, first);
  }

  /** The symbol of a vertex, which leads to it. */
  function symbol(id) {
    const shown = { class: `symbol ${vertices[id].kind}`, click: () => tg.page.select(id) };
    return el("button", shown, symbols[id]);
  }

  function named([kind, name, place], _, v) {
    if (kind === "number") return scalar(place, true);
    return kind === "value" ? symbol(meant(place, v).id) : el("i", {}, name);
  }

  const stated = ([, name]) => el("i", {}, name);

  function build(tokens, place, times, v) {
    const writer = new Writer();
    for (const token of tokens) {
      if (token === TIMES) writer.text(times);
      else if (typeof token === "string") writer.text(token);
      else writer.add(place(token, writer.begins, v));
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

    /** Add what must not begin a line. */
    close(text) {
      const last = this.parts.pop();
      this.parts.push(el("span", { class: "joined" }, last ?? "", el("span", {}, text)));
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
      const [, closing, before, raised] = text.match(/^([),]*)(.*?)(\^\(?)?$/s);
      if (closing) this.close(closing);
      if (before) this.parts.push(el("span", {}, before));
      if (!raised) return;
      this.exponent = el("sup", {});
      this.parts.push(this.exponent);
      this.single = raised === "^";
    }
  }

  /** A formula as the docstring states it, with the names of arguments. */
  const asStated = (tokens) => build(tokens, stated, "\u2009");

  /** A formula of ``v`` with the symbols of vertices. */
  const withSymbols = (tokens, v) => build(tokens, named, "\u2009", v);

  /** A formula of ``v`` with numbers, or null where none are known. */
  function withNumbers(tokens, v) {
    const places = tokens.filter((token) => Array.isArray(token));
    const known = (token) => constant(token, v) !== undefined || array(token, v).summary;
    return places.length && places.every(known) ? build(tokens, written, " · ", v) : null;
  }

  /** What a rule of ``v`` calls its arguments: pairs of a name and of a vertex. */
  function meanings(lines, v) {
    const found = new Map();
    const places = lines.flatMap((line) => line.text).filter(([kind]) => kind === "value");
    const last = v.operands.length; // of the output
    for (const [, name, place] of places.sort((a, b) => (a[2] ?? last) - (b[2] ?? last))) {
      found.set(name, meant(place, v).id);
    }
    return [...found];
  }

  return { inline, symbol, asStated, withSymbols, withNumbers, meanings };
})();
