// Cross-entropy: softmax, and the difference y − t that its gradient is.
tg.logits = (() => {
  const { counter, strong, aside } = tg.widgets;
  const { number } = tg.show;
  const el = tg.element;

  const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);

  function softmax(logits) {
    const most = Math.max(...logits);
    const powers = logits.map((x) => Math.exp(x - most));
    const total = sum(powers);
    return powers.map((x) => x / total);
  }

  /** A row of an array (N, C), if the page holds all of it. */
  function line(summary, sample, classes) {
    const block = summary && tg.show.block(summary);
    if (!block || block.shape[1] < classes || sample >= block.shape[0]) return null;
    return block.numbers.slice(sample * classes, (sample + 1) * classes);
  }

  /** The distribution that a sample should have: told as such, or by its class. */
  function wanted(summary, sample, classes, byClass) {
    if (!byClass) return line(summary, sample, classes);
    const chosen = tg.show.block(summary).numbers[sample];
    return Array.from({ length: classes }, (_, k) => Number(k === chosen));
  }

  function bar(value) {
    const width = Math.max(0, Math.min(1, value)) * 48;
    const svg = {
      class: "bar",
      viewBox: "0 0 48 8",
      width: 48,
      height: 8,
      "aria-hidden": "true",
    };
    return tg.shape("svg", svg, tg.shape("rect", { width: width.toFixed(2), height: 8 }));
  }

  function table(names, rows, target) {
    const head = el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)));
    const body = rows.map((cells, k) => {
      const content = cells.map((x) => el("td", {}, typeof x === "number" ? number(x) : x));
      return el(
        "tr",
        { class: target[k] ? "target" : "" },
        el("th", { scope: "row" }, String(k)),
        ...content,
      );
    });
    return el("table", { class: "logits" }, el("thead", {}, head), el("tbody", {}, ...body));
  }

  function element(step) {
    const v = tg.data.vertices[step.vertex];
    const [x, t] = v.operands.map((id) => tg.data.vertices[id]);
    const back = step.phase === "backward";
    const [samples, classes] = x.shape;
    const content = el("div", {});
    const known = Math.min(
      ...[x.stats, t.stats].map((s) => (s && tg.show.block(s)?.shape[0]) || 0),
    );
    const byClass = step.show.classes;
    if (!known || !line(x.stats, 0, classes) || !wanted(t.stats, 0, classes, byClass)) return null;

    function show(sample) {
      const logits = line(x.stats, sample, classes);
      const target = wanted(t.stats, sample, classes, byClass);
      const y = softmax(logits);
      content.replaceChildren(...(back ? learned(sample, y, target) : made(logits, y, target)));
    }

    function made(logits, y, target) {
      const parts = y.map((p, k) => (target[k] ? -target[k] * Math.log(p) : 0));
      const rows = y.map((p, k) => [logits[k], bar(p), p, target[k], target[k] ? parts[k] : ""]);
      return [
        table(["class", "x", "", "y = softmax(x)", "t", "−t log y"], rows, target),
        el("p", { class: "sum" }, "loss = −Σ t log y = ", strong(sum(parts))),
      ];
    }

    function learned(sample, y, target) {
      const weight = sum(target); // 1, unless classes have weights, or this one is ignored
      const g = tg.show.block(v.grad)?.numbers[sample];
      const gx = line(v.contributions?.[0], sample, classes);
      const even = Math.abs(weight - 1) < 1e-6;
      const differences = y.map((p, k) => p * weight - target[k]);
      const rows = y.map((p, k) => [p, target[k], differences[k], gx ? gx[k] : ""]);
      const rest = even ? "y − t" : "y Σt − t";
      const why =
        "A descent makes a probability smaller where it is above the target, and larger where below.";
      return [
        table(["class", "y", "t", rest, "gx"], rows, target),
        el("p", { class: "sum" }, "gx = g (", rest, "), with g = ", strong(g)),
        aside(why),
      ];
    }

    show(0);
    const name = back ? "y − t" : "Softmax and target";
    const turning = counter("sample", known, samples, show);
    const counters = el("div", { class: "counters" }, turning);
    return el("section", { class: "windows" }, el("h3", {}, name), counters, content);
  }

  return element;
})();
