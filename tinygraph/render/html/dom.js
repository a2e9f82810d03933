"use strict";

// Everything of the page's is in this one object.
const tg = { data: JSON.parse(document.getElementById("data").textContent) };

// What there are many of is told by columns, in which values that many share stand once.
(() => {
  const values = ({ all, of, at }) => all ?? at.map((i) => of[i]);

  function records({ count, columns }) {
    const made = Array.from({ length: count }, () => ({}));
    for (const [name, column] of Object.entries(columns)) {
      values(column).forEach((value, i) => {
        if (value !== null) made[i][name] = value;
      });
    }
    return made;
  }

  for (const name of ["vertices", "summaries", "steps"]) tg.data[name] = records(tg.data[name]);
  for (const view of tg.data.views) {
    view.boxes = records(view.boxes);
    const overlays = Object.entries(view.overlays ?? {});
    view.overlays = Object.fromEntries(overlays.map(([name, column]) => [name, values(column)]));
  }
})();

// Making elements.  Text becomes text nodes, and so never markup.
(() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child != null));
    return element;
  }

  /** An HTML element; an attribute that is a function listens to the event of its name. */
  tg.element = (name, attributes = {}, ...children) =>
    fill(document.createElement(name), attributes, children);

  /** An SVG element. */
  tg.shape = (name, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, name), attributes, children);

  /** The element of an id. */
  tg.byId = (id) => document.getElementById(id);

  /** Say something to those who listen instead of looking. */
  tg.say = (text) => {
    tg.byId("live").textContent = text;
  };
})();
