// Where in the picture one looks: pan, zoom, fit.
tg.camera = (() => {
  const LEAST = 0.02;
  const MOST = 4;
  const READABLE = 0.75; // less is too small to read
  const MARGIN = 28; // pixels around a picture that is fitted
  const BAR = 24; // more above it, where the way to it stands
  const FOOT = 30; // and below it, where the buttons stand
  const MOVED = 4; // pixels that make a drag of a click
  const STILL = matchMedia("(prefers-reduced-motion: reduce)");

  const picture = tg.byId("picture");
  const camera = tg.byId("camera");
  let at = { x: 0, y: 0, scale: 1 };
  let size = { width: 1, height: 1 }; // of what is drawn
  let flight = 0;

  const clamp = (scale) => Math.min(MOST, Math.max(LEAST, scale));

  function put({ x, y, scale }) {
    at = { x, y, scale };
    const [left, top] = [x, y + BAR].map((length) => length.toFixed(2));
    camera.setAttribute("transform", `translate(${left} ${top}) scale(${scale})`);
  }

  function fly(to) {
    cancelAnimationFrame(flight);
    if (STILL.matches || document.hidden) return put(to);
    const from = { ...at };
    const start = performance.now();
    const frame = (now) => {
      const t = Math.min(1, (now - start) / 220);
      const part = 1 - (1 - t) ** 3;
      const between = (name) => from[name] + (to[name] - from[name]) * part;
      put({ x: between("x"), y: between("y"), scale: between("scale") });
      if (t < 1) flight = requestAnimationFrame(frame);
    };
    flight = requestAnimationFrame(frame);
  }

  /** The part of the window in which pictures are placed. */
  function room() {
    const box = picture.getBoundingClientRect();
    const { left, top, width, height } = box;
    return { left, top: top + BAR, width: width || 1, height: Math.max(height - BAR - FOOT, 1) };
  }

  /** The place that shows all of the picture, or of a rectangle in it, at most so large. */
  function fitted(rect, most) {
    const space = room();
    const scale = clamp(
      Math.min(
        (space.width - 2 * MARGIN) / rect.width,
        (space.height - 2 * MARGIN) / rect.height,
        most,
      ),
    );
    const x = (space.width - rect.width * scale) / 2 - rect.x * scale;
    const y = (space.height - rect.height * scale) / 2 - rect.y * scale;
    return { x, y, scale };
  }

  const whole = () => ({ x: 0, y: 0, ...size });

  /** Show all of the picture. */
  function fit() {
    fly(fitted(whole(), 1.6));
  }

  /** Begin with a new picture: all of it, or what can be read of it, from its start. */
  function begin(width, height) {
    size = { width, height };
    cancelAnimationFrame(flight);
    const all = fitted(whole(), 1.6);
    if (all.scale >= READABLE) return put(all);
    const space = room();
    const across = (space.width - 2 * MARGIN) / width;
    const scale = Math.min(1, Math.max(READABLE, across));
    const x = width * scale > space.width ? MARGIN : (space.width - width * scale) / 2;
    const y = height * scale > space.height ? MARGIN : (space.height - height * scale) / 2;
    put({ x, y, scale });
  }

  function zoomed(factor, x, y) {
    const scale = clamp(at.scale * factor);
    const part = scale / at.scale;
    return { x: x - (x - at.x) * part, y: y - (y - at.y) * part, scale };
  }

  /** Zoom about the middle. */
  function zoom(factor) {
    const space = room();
    fly(zoomed(factor, space.width / 2, space.height / 2));
  }

  /** Bring an element into view, if it is not, and so near that it can be read. */
  function reveal(element) {
    const space = room();
    const box = element.getBoundingClientRect();
    const left = box.left - space.left;
    const top = box.top - space.top;
    const inside =
      left >= MARGIN &&
      top >= MARGIN &&
      left + box.width <= space.width - MARGIN &&
      top + box.height <= space.height - MARGIN;
    if (inside && at.scale >= READABLE / 2) return;
    const scale = Math.max(at.scale, READABLE);
    const x = (left + box.width / 2 - at.x) / at.scale;
    const y = (top + box.height / 2 - at.y) / at.scale;
    fly({ x: space.width / 2 - x * scale, y: space.height / 2 - y * scale, scale });
  }

  function pan(dx, dy) {
    cancelAnimationFrame(flight);
    put({ ...at, x: at.x + dx, y: at.y + dy });
  }

  // -- mouse, pen and fingers

  const fingers = new Map();
  let travelled = 0;

  function middle() {
    const points = [...fingers.values()];
    const space = room();
    const x = points.reduce((sum, p) => sum + p.x, 0) / points.length - space.left;
    const y = points.reduce((sum, p) => sum + p.y, 0) / points.length - space.top;
    const spread =
      points.length > 1 ? Math.hypot(points[0].x - points[1].x, points[0].y - points[1].y) : 0;
    return { x, y, spread };
  }

  picture.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    if (!fingers.size) travelled = 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });

  picture.addEventListener("pointermove", (event) => {
    if (!event.buttons) fingers.delete(event.pointerId); // it was let go outside
    if (!fingers.has(event.pointerId)) return;
    const before = middle();
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const after = middle();
    travelled += Math.hypot(after.x - before.x, after.y - before.y);
    if (travelled < MOVED && !after.spread) return;
    picture.setPointerCapture(event.pointerId);
    picture.classList.add("dragged");
    pan(after.x - before.x, after.y - before.y);
    if (before.spread && after.spread) put(zoomed(after.spread / before.spread, after.x, after.y));
  });

  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    picture.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      if (!fingers.size) picture.classList.remove("dragged");
    });
  }

  // The click that ends a drag selects nothing.
  picture.addEventListener("click", (event) => travelled >= MOVED && event.stopPropagation(), true);

  picture.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode ? 20 : 1; // lines, or pixels
      if (event.ctrlKey || event.metaKey) {
        const space = room();
        const factor = Math.exp(-event.deltaY * unit * 0.01);
        cancelAnimationFrame(flight);
        put(zoomed(factor, event.clientX - space.left, event.clientY - space.top));
      } else if (event.shiftKey) pan(-(event.deltaX || event.deltaY) * unit, 0);
      else pan(-event.deltaX * unit, -event.deltaY * unit);
    },
    { passive: false },
  );

  return { begin, fit, zoom, reveal, pan, at: () => ({ ...at }) };
})();
