// The open picture as a file: SVG with its looks written out, as it is seen now.
tg.export = (() => {
  const LOOKS = [
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-opacity",
    "stroke-width",
    "stroke-dasharray",
    "opacity",
    "font-family",
    "font-size",
    "font-weight",
    "text-anchor",
    "dominant-baseline",
    "paint-order",
  ];
  const LEFT_OUT = ["class", "role", "tabindex", "aria-label", "aria-pressed"];
  const PAD = 8;

  /** Copy an element with the looks that style sheets give it. */
  function copy(element) {
    if (getComputedStyle(element).display === "none") return null;
    const made = element.cloneNode(false);
    const style = getComputedStyle(element);
    for (const name of LEFT_OUT) made.removeAttribute(name);
    for (const name of Object.keys(made.dataset)) delete made.dataset[name];
    const group = element.localName === "g";
    for (const look of group ? ["opacity"] : LOOKS) {
      const value = style.getPropertyValue(look);
      if (value && !(look.endsWith("opacity") && value === "1")) made.setAttribute(look, value);
    }
    for (const child of element.childNodes) {
      const inner = child.nodeType === Node.ELEMENT_NODE ? copy(child) : child.cloneNode();
      if (inner) made.append(inner);
    }
    return made;
  }

  /** The open picture as the text of an SVG file. */
  function svg() {
    const view = tg.views.current();
    const paper = getComputedStyle(document.body).backgroundColor;
    const box = view.root.getBBox();
    const frame = {
      x: box.x - PAD,
      y: box.y - PAD,
      width: box.width + 2 * PAD,
      height: box.height + 2 * PAD,
    };
    const size = { width: `${frame.width}pt`, height: `${frame.height}pt` };
    const made = tg.shape(
      "svg",
      { ...size, viewBox: `${frame.x} ${frame.y} ${frame.width} ${frame.height}` },
      tg.shape("title", {}, view.title),
      tg.shape("rect", { ...frame, fill: paper }),
      copy(view.root),
    );
    return new XMLSerializer().serializeToString(made);
  }

  /** Let the reader save the open picture. */
  function save() {
    const view = tg.views.current();
    const name = `${tg.data.title} ${view.title}`.replace(/[^\p{L}\p{N}.]+/gu, "-");
    const url = URL.createObjectURL(new Blob([svg()], { type: "image/svg+xml" }));
    tg.element("a", { href: url, download: `${name}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  return { svg, save };
})();
