// im2col by itself: every window of an image is a column of a matrix.
tg.columns = (() => {
  const { picture, taps, within, aside, row, titled, frame, image } = tg.widgets;
  const el = tg.element;

  function element(step) {
    const v = tg.data.vertices[step.vertex];
    const x = tg.data.vertices[v.operands[0]];
    const back = step.phase === "backward";
    const flowing = back ? v.grad : v.stats;
    const gx = back ? v.contributions?.[0] : null;
    if (![flowing, x.stats].every((s) => s && tg.show.block(s))) return null;
    const [matrix] = tg.show.pictures(tg.show.block(flowing));
    const [height, width] = x.shape.slice(2);
    const [kh, kw] = step.show.kernel_size;
    const across = windowsAlong(width, kw, step.show, 1);
    const input = image(picture(x.stats, 0), x.stats, "input");
    const sent = gx && image(picture(gx, 0), gx, "gradient of the input");
    const said = el("p", { class: "sum", "aria-live": "polite" });

    function choose(r, c) {
      const [top, left] = [Math.floor(c / across), c % across];
      const spots = taps(step.show, top, left, height, width);
      const channel = Math.floor(r / (kh * kw));
      for (const map of [input, sent]) {
        map?.mark(
          "window",
          spots.filter((spot) => spot && within(spot, map)),
        );
        const entry = channel === 0 && spots[r % (kh * kw)];
        map?.mark("winner", entry && within(entry, map) ? [entry] : []);
      }
      const count = v.shape[2].toLocaleString("en");
      const deed = back
        ? "is added up where this window lies"
        : "is this window, from top to bottom";
      said.textContent = `Column ${c + 1} of ${count} ${deed}; row ${r + 1} is channel ${channel + 1}.`;
    }

    const most = tg.widgets.extent(flowing);
    const label = "columns, one to be chosen";
    const columns = tg.heat.map(matrix, {
      most,
      width: 320,
      label,
      pick: choose,
      numbers: false,
      largest: 16,
    });
    columns.choose(0, 0);
    return frame(
      "Windows as columns",
      x.shape,
      step.show,
      row(titled("input x", input.element), sent ? titled("gx", sent.element) : null),
      titled(back ? "g, by columns" : "columns", columns.element),
      said,
      v.shape[1] > matrix.rows || v.shape[2] > matrix.columns
        ? aside("The first of them are shown.")
        : null,
    );
  }

  function windowsAlong(size, kernel, { stride, padding, dilation }, axis) {
    const room = size + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1;
    return Math.floor(room / stride[axis]) + 1;
  }

  return element;
})();
