"use strict";
/* What every part of the page uses: the data, elements, numbers, the chosen board. */
async function unpack(id) {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}
const [data, shots] = await Promise.all(["data", "shots"].map(unpack));
const dic = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat(9)) if (child !== null && child !== undefined) node.append(child);
    return node;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
  const byId = (id) => document.getElementById(id);

  const digits = (metric) => (data.metrics[metric] || { digits: 3 }).digits;
  function number(value, places = 3) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const text = value.toFixed(places);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
  }
  const show = (metric, value) =>
    number(value === null || value === undefined ? value : value * data.metrics[metric].scale, digits(metric));
  function title(metric, long = true) {
    const m = data.metrics[metric];
    const arrow = m.better > 0 ? " ↑" : m.better < 0 ? " ↓" : "";
    return (long ? m.title : metric) + (m.unit ? ` (${m.unit})` : "") + arrow;
  }

  const state = { board: data.boards[0], hidden: new Set() };
  const listeners = [];
  const onBoard = (f) => listeners.push(f);
  function choose(index) {
    state.board = data.boards[index];
    for (const [i, tab] of [...byId("boards").children].entries()) tab.setAttribute("aria-pressed", String(i === index));
    for (const f of listeners) f(state.board);
  }
  const codec = (label) => state.board.codecs.find((c) => c.label === label);

  function toggle(text, pressed, act, extra = {}) {
    const button = el("button", { type: "button", "aria-pressed": String(pressed), ...extra }, text);
    button.addEventListener("click", () => {
      const now = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(now));
      act(now);
    });
    return button;
  }
  function select(label, options, value, act, id) {
    const list = el("select", { id }, options.map(([v, t]) => el("option", { value: v, selected: v === value }, t)));
    list.addEventListener("change", () => act(list.value));
    return el("label", {}, label + " ", list);
  }
  function table(columns, rows, caption) {
    return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
      el("table", {}, el("caption", { class: "sr" }, caption),
        el("thead", {}, el("tr", {}, columns.map((c) => el("th", { scope: "col", class: c.left ? "left" : null }, c.name)))),
        el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) =>
          el(i === 0 ? "th" : "td", { scope: i === 0 ? "row" : null, class: columns[i].left ? "left" : null }, cell)))))));
  }

  const MARKS = [
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", "M-3.6,-3.6h7.2v7.2h-7.2z", "M0,-4.6L4.4,3.4H-4.4z", "M0,-5L5,0L0,5L-5,0z",
    "M0,4.6L4.4,-3.4H-4.4z", "M-1.6,-4.6h3.2v3h3v3.2h-3v3h-3.2v-3h-3v-3.2h3z",
    "M-4,-2L-2,-4L0,-2L2,-4L4,-2L2,0L4,2L2,4L0,2L-2,4L-4,2L-2,0z",
    "M0,-5L1.5,-1.6L5,-1.4L2.3,0.9L3.2,4.4L0,2.4L-3.2,4.4L-2.3,0.9L-5,-1.4L-1.5,-1.6z",
  ];
  const DASHES = [null, "6 3", "2 3", "8 3 2 3"];
  const colour = (c) => `var(--c${c.look[0]})`;
  const swatch = (c) => svg("svg", { class: "swatch", viewBox: "0 0 30 12", "aria-hidden": "true" },
    svg("path", { d: "M0,6H30", stroke: colour(c), "stroke-width": 2, "stroke-dasharray": DASHES[c.look[2]] }),
    svg("path", { d: MARKS[c.look[1]], transform: "translate(15,6)", fill: c.encoder_sees_y ? "var(--paper)" : colour(c), stroke: colour(c) }));

  return { data, shots, el, svg, byId, number, show, digits, title, state, onBoard, choose, codec, toggle, select, table,
    swatch, colour, MARKS, DASHES };
})();
