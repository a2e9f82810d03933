// Convolution: the window of each output pixel, and what its gradient adds where.
tg.conv = (() => {
  const { lifted, picture, channels, flat, strongest, taps, reaches, within, read } = tg.widgets;
  const { row, sign, aside, strong, beyond, titled, frame, image, small, counter, place } =
    tg.widgets;
  const { number } = tg.show;
  const el = tg.element;

  const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);
  const product = (numbers, others) => numbers.map((x, i) => x * others[i]);
  const vertex = (id) => (id === null || id === undefined ? null : tg.data.vertices[id]);

  class Convolution {
    constructor(step) {
      this.windows = step.show;
      this.back = step.phase === "backward";
      this.v = vertex(step.vertex);
      [this.x, this.w, this.b] = this.v.operands.map(vertex);
      this.flowing = this.back ? this.v.grad : this.v.stats;
      this.filter = 0;
      this.channel = 0; // of those that a filter sees
      this.depth = this.w.shape[1]; // how many it sees
      this.each = this.w.shape[0] / this.windows.groups; // filters of a group
      this.maps = el("div", {});
      this.detail = el("div", { class: "detail", "aria-live": "polite" });
    }

    /** Whether the page holds what there is to show. */
    get known() {
      const arrays = [this.flowing, this.x.stats, this.w.stats];
      return arrays.every((s) => s && tg.show.block(s));
    }

    /** Which channel of the input a channel of the filter sees. */
    source(channel) {
      return Math.floor(this.filter / this.each) * this.depth + channel;
    }

    image(summary, channel = this.channel) {
      return picture(summary, this.source(channel));
    }

    element() {
      const held = channels(this.x.stats);
      const reached = Math.max(1, Math.floor(held / this.depth)) * this.each; // groups
      const kernels = tg.show.block(this.w.stats).shape[0];
      const filters = Math.min(channels(this.flowing), kernels, reached);
      const inputs = Math.min(held, channels(this.w.stats));
      this.group = el("span", { class: "group" });
      const counters = el(
        "div",
        { class: "counters" },
        counter("filter", filters, this.v.shape[1], (k) => this.draw({ filter: k })),
        counter("channel", inputs, this.depth, (k) => this.draw({ channel: k })),
        this.windows.groups > 1 ? this.group : null,
      );
      this.draw({});
      return frame("Windows", this.x.shape, this.windows, counters, this.maps, this.detail);
    }

    draw(changes) {
      Object.assign(this, changes);
      const sent = this.back ? this.v.contributions?.[0] : null;
      const gx = this.image(sent);
      this.group.textContent = this.grouped();
      this.input = image(this.image(this.x.stats), this.x.stats, "input");
      this.sent = gx && image(gx, sent, "gradient of the input");
      const label = this.back ? "gradient of the output" : "output";
      const output = picture(this.flowing, this.filter);
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
      chosen.choose(...(this.at ?? strongest(output, (r, c) => this.whole(this.spots(r, c)))));
    }

    /** Which group a filter is of, and which channels of the input that group sees. */
    grouped() {
      const group = Math.floor(this.filter / this.each) + 1;
      const [first, last] = [this.source(0) + 1, this.source(this.depth)];
      const seen = first === last ? `channel ${first}` : `channels ${first} to ${last}`;
      return `group ${group} of ${this.windows.groups}: ${seen} of the input`;
    }

    spots(r, c) {
      return taps(this.windows, r, c, ...lifted(this.x.shape).slice(2));
    }

    whole(spots) {
      return reaches(spots, this.image(this.x.stats));
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
      const kernel = picture(this.w.stats, this.channel, this.filter);
      const found =
        this.whole(spots) && (this.back ? this.sends(spots, kernel) : this.makes(spots, kernel));
      this.detail.replaceChildren(...(found || [beyond()]));
    }

    inside(spots, channel = this.channel) {
      return read(this.image(this.x.stats, channel), spots, 0);
    }

    // -- forward

    makes(spots, kernel) {
      const inside = this.inside(spots);
      const weights = flat(kernel);
      const sizes = this.windows.kernel_size;
      const { extent } = tg.widgets;
      return [
        row(
          titled("window", small(inside, sizes, "window", extent(this.x.stats)).element),
          sign("×"),
          titled("kernel", small(weights, sizes, "kernel", extent(this.w.stats)).element),
          sign("="),
          titled("products", small(product(inside, weights), sizes, "products").element),
        ),
        el("p", { class: "sum" }, ...this.total(spots, sum(product(inside, weights)))),
        aside(this.im2col()),
      ];
    }

    /** How products, of all channels, and the bias add up to the output pixel. */
    total(spots, here) {
      const made = strong(picture(this.v.stats, this.filter).at(...this.at));
      const output = `output ${place(this.x.shape, ...this.at)} = `;
      const bias = this.b?.stats ? ` + bias ${number(this.bias())}` : "";
      const count = this.depth;
      if (count === 1) return [`${output}sum of the products ${number(here)}${bias} = `, made];
      const sums = Array.from({ length: count }, (_, k) => this.part(spots, k));
      const first = `Channel ${this.channel + 1}: the products sum to ${number(here)}. `;
      if (sums.includes(null)) {
        return [first, `With all ${count} channels${bias && " and the bias"}, ${output}`, made];
      }
      const all = `sum over ${count} channels ${number(sum(sums))}`;
      return [first, `${output}${all}${bias} = `, made];
    }

    /** The sum of the products of a channel, or null where the page does not hold it. */
    part(spots, channel) {
      const kernel = picture(this.w.stats, channel, this.filter);
      const known = kernel && this.image(this.x.stats, channel);
      return known ? sum(product(this.inside(spots, channel), flat(kernel))) : null;
    }

    bias() {
      return tg.show.block(this.b.stats).numbers[this.filter];
    }

    im2col() {
      const [height, width] = lifted(this.v.shape).slice(2);
      const length = this.w.shape.slice(1).reduce((total, n) => total * n, 1);
      const [r, c] = this.at;
      return (
        `im2col lays this window out as column ${r * width + c + 1} of ${height * width}, of ` +
        `${length} numbers. ${this.windows.groups > 1 ? "The group's" : "The"} kernels are the ` +
        `${this.each} rows of a ${this.each} × ${length} matrix: row ` +
        `${(this.filter % this.each) + 1} times that column is this pixel.`
      );
    }

    // -- backward

    sends(spots, kernel) {
      const g = picture(this.v.grad, this.filter).at(...this.at);
      const sent = this.v.contributions ?? [];
      const rest =
        "The sum over all output pixels is gx, and with all images gw; gb is the sum of g.";
      return [
        sent[0] && this.x.requires_grad ? this.share(g, flat(kernel), "kernel", "to gx") : null,
        sent[1] ? this.share(g, this.inside(spots), "window", "to gw") : null,
        aside(rest),
      ].filter(Boolean);
    }

    /** g times a kernel or a window, as it is added to a gradient. */
    share(g, numbers, name, goal) {
      const sizes = this.windows.kernel_size;
      const added = numbers.map((x) => g * x);
      return row(
        titled("g", el("span", { class: "number" }, number(g))),
        sign("×"),
        titled(name, small(numbers, sizes, name).element),
        sign("="),
        titled(`added ${goal}`, small(added, sizes, `added ${goal}`).element),
      );
    }
  }

  return (step) => {
    const found = new Convolution(step);
    return found.known ? found.element() : null;
  };
})();
