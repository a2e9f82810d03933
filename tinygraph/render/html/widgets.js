// What the views of windows, winners and logits share: maps with titles, counters, windows.
tg.widgets = (() => {
  const SIDE = 176; // pixels of an image
  const ROW = 320; // and of one that is a single row
  const CELL = 36; // pixels of a cell of a kernel
  const WIDE = 4; // columns of a kernel that is drawn smaller, so that three stand side by side
  const NARROW = 104; // pixels
  const el = tg.element;

  /** A shape (N, C, L) as one of images of a row, (N, C, 1, L); another as it is. */
  const lifted = (shape) => (shape.length === 3 ? [...shape.slice(0, 2), 1, shape[2]] : shape);

  /** The picture of an image and a channel of an array (N, C, H, W), where it is known. */
  function picture(summary, channel, image = 0) {
    const block = summary && tg.show.block(summary);
    if (!block) return null;
    const shape = lifted(block.shape);
    const [images, channels] = shape;
    if (image >= images || channel >= channels) return null;
    return tg.show.pictures({ ...block, shape })[image * channels + channel];
  }

  /** How many channels of an array are known. */
  const channels = (summary) => tg.show.block(summary)?.shape[1] ?? 0;

  const extent = (summary) => tg.heat.extent(tg.show.block(summary).numbers);

  /** Where the number is that is farthest from 0, of those that fit: [row, column]. */
  function strongest(drawn, fits) {
    const place = (i) => [Math.floor(i / drawn.columns), i % drawn.columns];
    const sizes = flat(drawn).map((x, i) => (fits(...place(i)) && Math.abs(x)) || 0);
    return place(sizes.indexOf(Math.max(...sizes)));
  }

  /** All numbers of a picture, row by row. */
  const flat = ({ rows, columns, at }) =>
    Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));

  const grid = (numbers, [rows, columns]) => ({
    rows,
    columns,
    at: (r, c) => numbers[r * columns + c],
  });

  // -- where windows lie

  /** The pixels of the window of an output pixel, as [row, column], or null in the padding. */
  function taps({ kernel_size, stride, padding, dilation }, r, c, rows, columns) {
    const found = [];
    for (let i = 0; i < kernel_size[0]; i += 1) {
      for (let j = 0; j < kernel_size[1]; j += 1) {
        const y = r * stride[0] - padding[0] + i * dilation[0];
        const x = c * stride[1] - padding[1] + j * dilation[1];
        found.push(y >= 0 && x >= 0 && y < rows && x < columns ? [y, x] : null);
      }
    }
    return found;
  }

  /** Whether the page knows all pixels of a window. */
  const reaches = (spots, image) =>
    Boolean(image) && spots.every((spot) => !spot || within(spot, image));

  const within = (spot, image) => spot[0] < image.rows && spot[1] < image.columns;

  const read = (image, spots, padding) =>
    spots.map((spot) => (spot ? image.at(spot[0], spot[1]) : padding));

  // -- elements

  const row = (...content) => el("div", { class: "row" }, ...content);
  const sign = (text) => el("span", { class: "sign" }, text);
  const aside = (...text) => el("p", { class: "aside" }, ...text);
  const strong = (value) => el("strong", {}, tg.show.number(value));
  const beyond = () => aside("This window reaches beyond what the page holds of the image.");

  function titled(name, content, ...more) {
    return el("div", { class: "titled" }, el("span", { class: "name" }, name), content, ...more);
  }

  function frame(title, shape, windows, ...content) {
    const image = shape.length === 3 ? "Sequence" : "Image";
    const images = shape[0] > 1 ? ` ${image} 1 of ${shape[0].toLocaleString("en")} is shown.` : "";
    const hint = aside(`Point at a pixel, or move with the arrow keys.${images}`);
    const sizes = el("p", { class: "sizes" }, settings(shape, windows));
    return el("section", { class: "windows" }, el("h3", {}, title), hint, sizes, ...content);
  }

  /** How windows lie: "3 × 3, stride 2, padding 1". */
  function settings({ length }, { kernel_size, stride, padding, dilation, groups }) {
    const across = (sizes) => sizes.slice(4 - length).join(" × ");
    const alike = (sizes) => (sizes[0] === sizes[1] ? String(sizes[0]) : across(sizes));
    const told = (sizes) => (length === 3 ? across(sizes) : alike(sizes));
    const parts = [`Windows of ${across(kernel_size)}`];
    if (told(stride) !== "1") parts.push(`stride ${told(stride)}`);
    if (told(padding) !== "0") parts.push(`padding ${told(padding)}`);
    if (told(dilation) !== "1") parts.push(`dilation ${told(dilation)}`);
    if (groups > 1) parts.push(`${groups} groups`);
    return parts.join(", ");
  }

  /** A map of an image. */
  function image(drawn, summary, label, pick) {
    return tg.heat.map(drawn, {
      most: extent(summary),
      width: drawn.rows === 1 ? ROW : SIDE,
      label,
      pick,
      numbers: false,
    });
  }

  /** A map of a kernel or a window, with its numbers. */
  function small(numbers, sizes, label, most = tg.heat.extent(numbers)) {
    const width = sizes[1] > WIDE ? NARROW : CELL * sizes[1];
    return tg.heat.map(grid(numbers, sizes), { most, width, label, largest: CELL });
  }

  /** Buttons that count through those of so many that the page holds. */
  function counter(name, held, total, choose) {
    let at = 0;
    const text = el("span", { class: "count" });
    const rest = held < total ? ` (${held} ${held === 1 ? "is" : "are"} in the page)` : "";
    const tell = () => {
      text.textContent = `${name} ${at + 1} of ${total}${rest}`;
    };
    const turn = (by) => () => {
      at = (at + by + held) % held;
      tell();
      choose(at);
    };
    tell();
    const button = (label, word, by) =>
      el("button", { "aria-label": `${word} ${name}`, click: turn(by) }, label);
    const buttons = held > 1 ? [button("‹", "previous", -1), text, button("›", "next", 1)] : [text];
    return el("div", { class: "counter" }, ...buttons);
  }

  /** A pixel as people count, of an array of a shape. */
  const place = ({ length }, r, c) => (length === 3 ? `${c + 1}` : `(${r + 1}, ${c + 1})`);

  return {
    ...{ lifted, picture, channels, extent, flat, strongest, taps, reaches, within, read },
    ...{ row, sign, aside, strong, beyond, titled, frame, image, small, counter, place },
  };
})();
