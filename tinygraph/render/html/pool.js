// Max-pooling: the winner of each window, and the way of its gradient.
tg.pool = (() => {
  const { lifted, picture, channels, strongest, taps, reaches, within, read } = tg.widgets;
  const { row, strong, beyond, titled, frame, image, small, counter, place } = tg.widgets;
  const el = tg.element;

  class Pooling {
    constructor(step) {
      this.windows = step.show;
      this.back = step.phase === "backward";
      this.v = tg.data.vertices[step.vertex];
      this.x = tg.data.vertices[this.v.operands[0]];
      this.flowing = this.back ? this.v.grad : this.v.stats;
      this.winners = this.v.aux?.[0]?.[1]; // places in the window, row by row
      this.channel = 0;
      this.maps = el("div", {});
      this.detail = el("div", { class: "detail", "aria-live": "polite" });
    }

    get known() {
      return [this.flowing, this.x.stats, this.winners].every((s) => s && tg.show.block(s));
    }

    element() {
      const count = Math.min(
        channels(this.x.stats),
        channels(this.flowing),
        channels(this.winners),
      );
      const counters = el(
        "div",
        { class: "counters" },
        counter("channel", count, this.x.shape[1], (k) => this.draw({ channel: k })),
      );
      this.draw({});
      return frame("Winners", this.x.shape, this.windows, counters, this.maps, this.detail);
    }

    spots(r, c) {
      return taps(this.windows, r, c, ...lifted(this.x.shape).slice(2));
    }

    /** The pixel that won the window of an output pixel. */
    winner(r, c) {
      return this.spots(r, c)[picture(this.winners, this.channel).at(r, c)];
    }

    draw(changes) {
      Object.assign(this, changes);
      const sent = this.back ? this.v.contributions?.[0] : null;
      const gx = picture(sent, this.channel);
      const output = picture(this.flowing, this.channel);
      const x = picture(this.x.stats, this.channel);
      this.input = image(x, this.x.stats, "input, winners framed");
      this.sent = gx && image(gx, sent, "gradient of the input, winners framed");
      const found = this.allWinners(output);
      for (const map of [this.input, this.sent]) {
        map?.mark(
          "winner",
          found.filter((spot) => within(spot, map)),
        );
      }
      const label = this.back ? "gradient of the output" : "output";
      const chosen = image(output, this.flowing, `${label}, a pixel to be chosen`, (r, c) =>
        this.choose(r, c),
      );
      this.maps.replaceChildren(
        row(
          titled(this.back ? "g" : "output y", chosen.element),
          titled("input x", this.input.element),
          this.sent ? titled("gx", this.sent.element) : null,
        ),
      );
      chosen.choose(...(this.at ?? strongest(output, (r, c) => reaches(this.spots(r, c), x))));
    }

    allWinners({ rows, columns }) {
      const known = picture(this.winners, this.channel);
      const found = [];
      for (let r = 0; r < Math.min(rows, known.rows); r += 1) {
        for (let c = 0; c < Math.min(columns, known.columns); c += 1) found.push(this.winner(r, c));
      }
      return found.filter(Boolean);
    }

    /** Show the window of an output pixel. */
    choose(r, c) {
      this.at = [r, c];
      const spots = this.spots(r, c);
      for (const map of [this.input, this.sent]) {
        map?.mark(
          "window",
          spots.filter((spot) => spot && within(spot, map)),
        );
      }
      const x = picture(this.x.stats, this.channel);
      if (!reaches(spots, x)) return this.detail.replaceChildren(beyond());
      const sizes = this.windows.kernel_size;
      const most = tg.widgets.extent(this.x.stats);
      const window = small(read(x, spots, -Infinity), sizes, "window", most);
      const at = picture(this.winners, this.channel).at(r, c);
      window.mark("winner", [[Math.floor(at / sizes[1]), at % sizes[1]]]);
      const said = el("p", { class: "sum" }, ...this.verdict(r, c, x));
      this.detail.replaceChildren(row(titled("window", window.element), said));
    }

    verdict(r, c, x) {
      const first = this.winner(r, c);
      const where = `input ${place(this.x.shape, ...first)}`;
      if (!this.back)
        return [
          `output ${place(this.x.shape, r, c)} = max = `,
          strong(x.at(...first)),
          `, from ${where}`,
        ];
      const g = strong(picture(this.v.grad, this.channel).at(r, c));
      return ["g = ", g, ` goes to the winner, ${where}; all others of the window get 0.`];
    }
  }

  return (step) => {
    const found = new Pooling(step);
    return found.known ? found.element() : null;
  };
})();
