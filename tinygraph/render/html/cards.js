// What is said of a step: a card for each kind.
tg.cards = (() => {
  const el = tg.element;
  const { vertices, symbols, outputs } = tg.data;
  const { inline, symbol, asStated, withSymbols, withNumbers, meanings } = tg.equations;
  const LISTED = 60; // rows of a list
  const NARROW = 2; // columns of a matrix that leaves room beside it

  const loss = outputs.length === 1 && vertices[outputs[0]].name ? symbols[outputs[0]] : "L";
  const recorded = vertices.some((v) => v.stats);
  const learned = vertices.some((v) => v.turn !== undefined);
  const show = { conv: tg.conv, pool: tg.pool, columns: tg.columns, softmax: tg.logits };

  const partial = (id) => `∂${loss}/∂${symbols[id]}`;
  const sized = (v) => (v.shape?.length ? v.shape.join(" × ") : "one number");
  const doc = (v) => (v.doc ?? tg.data.docs[v.function] ?? "").split(/\n\s*\n/)[0].trim();
  const purpose = (v) =>
    doc(v)
      .split(/[:.;]\s+g[a-z]+ = /)[0]
      .replace(/\.$/, "");

  function heading(phase, title, id) {
    const v = vertices[id];
    const place = v && [...(v.scope ?? []), v.function ?? v.kind].join(" › ");
    return el(
      "header",
      { class: phase },
      el("p", { class: "phase" }, place ? `${phase} · ${place}` : phase),
      el("h2", {}, ...[title].flat()),
    );
  }

  const part = (title, ...content) =>
    el("section", {}, el("h3", {}, ...[title].flat()), ...content);
  const says = (...text) => el("p", { class: "says" }, ...text);

  /** An equation: what, its formula in numbers, and what that comes to, as far as it is known. */
  function equation(left, numbers, result) {
    if (!numbers && !result) return null;
    const side = (name, content) =>
      el("span", { class: `side ${name}` }, el("span", { class: "equals" }, "="), ...content);
    return el(
      "div",
      { class: "equation" },
      left && el("span", { class: "left" }, ...left),
      numbers && side("numbers", numbers),
      result && side("result", [result]),
    );
  }

  /** An array that can be told in full, as the result of an equation. */
  const small = (summary) => (summary?.entries === undefined ? null : tg.show.matrix(summary));

  /** One that cannot, by itself. */
  const large = (summary, v) =>
    summary && summary.entries === undefined ? tg.show.large(summary, v.shape ?? []) : null;

  function widget(step) {
    return step.show ? show[step.show.kind](step) : null;
  }

  // -- forward

  function start(step) {
    return [heading("forward", "What is given"), list(step.vertices, (v) => v.stats)];
  }

  function list(ids, pick) {
    const rows = ids.slice(0, LISTED).map((id) => {
      const v = vertices[id];
      const known = pick(v);
      const content = known ? inline(known, v.shape ?? []) : sized(v);
      return el("tr", {}, el("th", { scope: "row" }, symbol(id)), el("td", {}, content));
    });
    const rest = ids.length - rows.length;
    const more = rest > 0 ? says(`and ${rest.toLocaleString("en")} more`) : null;
    return el("div", {}, el("table", { class: "given" }, el("tbody", {}, ...rows)), more);
  }

  function forward(step) {
    const v = vertices[step.vertex];
    const name = symbols[v.id];
    const output = step.show?.kind === "columns" ? null : large(v.stats, v);
    return [
      heading("forward", [`${name} = `, ...withSymbols(step.formula, v)], v.id),
      equation(null, withNumbers(step.formula, v), small(v.stats)),
      says(purpose(v)),
      widget(step),
      output && part(`${name}, ${sized(v)}`, output),
      v.stats ? null : says(`${name}: ${sized(v)}`),
    ];
  }

  // -- backward

  function seed(step) {
    const v = vertices[step.vertex];
    const one = v.grad?.size === 1;
    const why = one
      ? `Backward begins at ${loss === "L" ? `the loss, L = ${symbols[v.id]}` : loss}: its own gradient is 1.`
      : "Backward begins here, with the gradient it was called with.";
    return [
      heading("backward", partial(v.id).replace(symbols[v.id], loss), v.id),
      says(why),
      equation([el("i", {}, "g")], null, small(v.grad)),
      large(v.grad, v),
    ];
  }

  function rule(step) {
    const v = vertices[step.vertex];
    const sent = new Set(step.parts.map((x) => x.operand));
    const lines = step.rule.map((x) => {
      const left = x.name ? [el("i", {}, x.name), " = "] : [];
      const idle = x.operand !== undefined && !sent.has(x.operand);
      return el("p", { class: idle ? "idle" : "" }, ...left, ...asStated(x.text));
    });
    const stated = step.rule.filter((x) => sent.has(x.operand));
    const where = meanings(stated, v).filter(([name, id]) => name !== symbols[id]);
    const names = where.flatMap(([name, id], i) => [
      i ? ", " : "",
      el("i", {}, name),
      " = ",
      symbol(id),
    ]);
    return [
      heading("backward", [`Through ${v.function}, to `, ...targets(step)], v.id),
      part("Arrives", arriving(v)),
      part(
        "Rule",
        el("div", { class: "rules" }, ...(lines.length ? lines : [el("p", {}, doc(v))])),
        names.length ? says("where ", ...names) : null,
      ),
      widget(step),
      ...step.parts.map((x) => contribution(step, x)),
    ];
  }

  function targets(step) {
    const { operands } = vertices[step.vertex];
    const ids = [...new Set(step.parts.map((x) => operands[x.operand]))];
    return ids.flatMap((id, i) => [i ? " and " : "", symbols[id]]);
  }

  function arriving(v) {
    if (!v.grad) return says(`g = ${partial(v.id)}: ${sized(v)}`);
    const changed = v.arrived
      ? says("This is more than what arrived: backward began here too, or a hook changed it.")
      : null;
    const left = [el("i", {}, "g"), ` = ${partial(v.id)}`];
    const named = equation(left, null, small(v.grad)) ?? el("div", { class: "equation" }, ...left);
    return el("div", {}, named, large(v.grad, v), changed);
  }

  /** What a rule sends to an operand, and what becomes of it where that was broadcast. */
  function contribution(step, { operand, axes }) {
    const v = vertices[step.vertex];
    const target = vertices[v.operands[operand]];
    const stated = step.rule.find((x) => x.operand === operand);
    const name = stated?.name ?? `g${v.arguments[operand]}`;
    const sent = v.contributions?.[operand];
    const reduced = v.reductions?.[operand];
    const longer = stated?.text.length > 1; // than what arrived
    const numbers = sent && longer ? withNumbers(stated.text, v) : null;
    const outer = axes ? v : target; // whose shape it has
    return part(
      ["To ", symbol(target.id), share(step, target.id, operand)],
      equation([el("i", {}, name)], numbers, small(sent)),
      large(sent, outer),
      sent ? null : says(`${name}: ${sized(target)}`),
      axes ? summed(target, axes, reduced) : null,
    );
  }

  function summed(target, axes, reduced) {
    const along = `${axes.length === 1 ? "axis" : "axes"} ${axes.join(", ")}`;
    return el(
      "div",
      { class: "summed" },
      says(symbol(target.id), ` was repeated along ${along}: its gradient is the sum over it.`),
      equation(["Σ"], null, small(reduced)),
      large(reduced, target),
    );
  }

  /** Which of several parts this is, where a value was used more than once. */
  function share(step, to, operand) {
    const meeting = tg.data.steps.find((x) => x.kind === "sum" && x.vertex === to);
    if (!meeting) return null;
    const at = meeting.parts.findIndex(
      ([user, place]) => user === step.vertex && place === operand,
    );
    return el("small", {}, ` part ${at + 1} of ${meeting.parts.length}, added later`);
  }

  function sum(step) {
    const v = vertices[step.vertex];
    const total = v.arrived ?? v.grad;
    const parts = step.parts.map(([user, operand]) => {
      const from = vertices[user];
      const known = from.reductions?.[operand] ?? from.contributions?.[operand];
      return { user, name: from.arguments[operand], known };
    });
    const sign = (i) => el("td", { class: "plus" }, i ? "+" : "");
    const shown = (known) => (known ? inline(known, v.shape ?? []) : sized(v));
    const wide = v.shape?.at(-1) > NARROW;
    const rows = parts.map(({ user, name, known }, i) => {
      const source = ["from ", symbol(user), ", as its ", el("i", {}, name)];
      return el(
        "tr",
        {},
        sign(i),
        el("td", {}, shown(known)),
        el("th", { scope: "row" }, ...source),
      );
    });
    const last = el(
      "tr",
      { class: "total" },
      el("td", { class: "plus" }, "="),
      el("td", {}, shown(total)),
      el("th", { scope: "row" }, partial(v.id)),
    );
    return [
      heading("backward", ["At ", symbols[v.id], " gradients add up"], v.id),
      says(
        `${symbols[v.id]} was used ${parts.length === 2 ? "twice" : `${parts.length} times`}; each use sends a part of its gradient.`,
      ),
      el("table", { class: wide ? "addition wide" : "addition" }, el("tbody", {}, ...rows, last)),
      v.arrived
        ? says(
            `The gradient it holds now is another: it held something before, or a hook changed it.`,
          )
        : null,
    ];
  }

  function end(step) {
    const count = step.vertices.length;
    const what = count === 1 ? "The gradient of the parameter" : "The gradients of the parameters";
    return [heading("backward", what), list(step.vertices, (v) => v.grad)];
  }

  const makers = { start, forward, seed, rule, sum, end };

  /** A step as elements. */
  const card = (step) => makers[step.kind](step).filter(Boolean);

  /** A step in a few words. */
  function title(step) {
    if (step.kind === "start") return "What is given";
    if (step.kind === "end") return "The gradients";
    const name = symbols[step.vertex];
    const of = vertices[step.vertex].function ?? vertices[step.vertex].kind;
    return {
      forward: `Forward, ${of}: ${name}`,
      seed: `Backward begins at ${name}`,
      rule: `Backward, through ${of}: ${name}`,
      sum: `Gradients add up at ${name}`,
    }[step.kind];
  }

  /** What is missing, and how to get it. */
  function advice() {
    if (!recorded) {
      return [
        "Shapes and rules. To see the numbers, run the program inside of ",
        el("code", {}, "with tg.record():"),
      ];
    }
    const wanted = tg.data.steps.some((x) => x.kind === "rule") && !learned;
    if (!wanted) return null;
    return ["To see gradients too, run backward inside of ", el("code", {}, "with tg.record():")];
  }

  return { card, title, advice };
})();
