// Drawings: the marks of a picture, which tell shapes and places, as elements with its names.
tg.drawing = (() => {
  const SHAPES = {
    R: ["rect", "x", "y", "width", "height"],
    E: ["ellipse", "cx", "cy", "rx", "ry"],
    P: ["path", "d"],
    G: ["polygon", "points"],
  };
  const CORNER = 6; // points: the radius of a rounded box

  const isText = (mark) => mark[0].toUpperCase() === "T";

  function shape(mark) {
    const letter = mark[0].toUpperCase();
    const [name, ...keys] = SHAPES[letter];
    const rest = mark.slice(1);
    const values = keys.length === 1 ? [rest] : numbers(rest);
    const made = Object.fromEntries(keys.map((key, i) => [key, values[i]]));
    if (letter === "R") made.rx = CORNER;
    if (letter !== mark[0]) made.fill = "none";
    return tg.shape(name, made);
  }

  const numbers = (text) => text.match(/-?[\d.]+/g).map(Number);

  function text(mark, words) {
    const [x, y] = numbers(mark.slice(1));
    return tg.shape("text", { x, y, class: mark[0] === "T" && "title" }, words);
  }

  /** A group of marks, with the lines of text that stand in it. */
  function group(attributes, marks, lines) {
    const texts = marks.filter(isText).map((mark, i) => text(mark, lines[i]));
    const shapes = marks.filter((mark) => !isText(mark)).map(shape);
    return tg.shape("g", attributes, ...shapes, ...texts);
  }

  /** A picture: frames, edges, boxes, and the titles of frames, which no line is to cross. */
  function draw(view) {
    const drawing = tg.data.drawings[view.drawing];
    const framed = { class: "frame" };
    const frames = drawing.frames.map((marks) => marks.filter((mark) => !isText(mark)));
    const titles = drawing.frames.map((marks) => marks.filter(isText));
    return tg.shape(
      "g",
      {},
      ...frames.map((marks) => group(framed, marks, [])),
      ...drawing.edges.map(([tail, head, classes, marks, label]) =>
        group({ class: `edge ${classes}`, "data-tail": tail, "data-head": head }, marks, [label]),
      ),
      ...drawing.boxes.map((marks, i) => {
        const { role, output, lines } = view.boxes[i];
        return group(
          { class: `box ${role}${output ? " output" : ""}`, "data-box": i },
          marks,
          lines,
        );
      }),
      ...titles.map((marks, i) => group(framed, marks, view.frames[i])),
    );
  }

  return { draw, size: (view) => tg.data.drawings[view.drawing] };
})();
