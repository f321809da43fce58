"use strict";
/* Two pictures under a slider, zoomed together, with a map of their difference. */
dic.viewer = (() => {
  const { el, byId, shots, data } = dic;
  const view = { item: 0, a: "", b: "", split: 50, zoom: 1, x: 0, y: 0, diff: "b", gain: 4, mode: "slider" };
  const GAINS = [1, 2, 4, 8, 16];
  let album = null, parts = {};

  const items = () => (album ? album.items.map((i) => i.id) : []);
  const name = (label, rate) => `${label} ${rate}`;
  /* Everything that one item can be looked at as: value, text, picture, numbers. */
  function sources(item) {
    const made = [{ value: "x", text: "original", uri: item.x, v: {} }, { value: "y", text: "side view y", uri: item.y, v: {} }];
    for (const p of item.points)
      made.push({ value: name(p.label, p.rate), text: `${p.label} ${p.rate} · ${dic.number(p.bpp, 3)} bpp`, uri: p.uri, v: p.v, bpp: p.bpp, label: p.label });
    return made;
  }
  function start() {
    const points = album.items[0].points;
    const far = (p) => Math.abs(Math.log(p.bpp / album.rates[0]));
    const near = (want) => {
      const able = points.filter(want).sort((p, q) => far(p) - far(q));
      const close = able.filter((p) => far(p) < 0.5);
      return close.length ? close.reduce((p, q) => ((q.v.psnr || 0) > (p.v.psnr || 0) ? q : p)) : able[0];
    };
    const side = near((p) => p.bpp > 0.005 && dic.codec(p.label) && dic.codec(p.label).uses_side);
    const plain = near((p) => p.bpp > 0.005 && dic.codec(p.label) && !dic.codec(p.label).uses_side);
    view.a = plain ? name(plain.label, plain.rate) : "x";
    view.b = side ? name(side.label, side.rate) : plain ? "x" : "y";
  }
  const chosen = (which) => { const all = sources(album.items[view.item]); return all.find((s) => s.value === view[which]) || all[0]; };

  function draw(board) {
    album = shots.albums[board.name] || null;
    const room = byId("viewer");
    if (!album || !album.items.length) {
      room.replaceChildren(el("p", { class: "hint" }, (shots.absent[board.name] || "No pictures were put into this page.")));
      album = null;
      return;
    }
    view.item = 0;
    start();
    parts = {};
    parts.thumbs = el("div", { class: "thumbs", role: "group", "aria-label": "Item" }, album.items.map((item, i) =>
      el("button", { type: "button", "aria-pressed": "false", title: item.id, onclick: () => { view.item = i; update(); } }, el("img", { src: item.x, alt: item.id }), el("span", {}, item.id))));
    parts.a = el("select", { id: "v-a", onchange: () => { view.a = parts.a.value; update(); } });
    parts.b = el("select", { id: "v-b", onchange: () => { view.b = parts.b.value; update(); } });
    parts.imgA = el("img", { alt: "", draggable: "false" });
    parts.imgB = el("img", { alt: "", draggable: "false" });
    parts.clip = el("div", { class: "clip" }, parts.imgB);
    parts.handle = el("div", { class: "handle", "aria-hidden": "true" });
    parts.stage = el("div", { class: "stage", tabindex: 0, role: "group", "aria-label": "Picture; plus and minus zoom, arrow keys move, 0 resets" },
      parts.imgA, parts.clip, parts.handle, parts.nameA = el("span", { class: "name left" }), parts.nameB = el("span", { class: "name right" }));
    parts.canvas = el("canvas", { class: "map", role: "img", "aria-label": "Difference map" });
    parts.mapStage = el("div", { class: "stage" }, parts.canvas, parts.mapName = el("span", { class: "name left" }));
    parts.stage.style.aspectRatio = parts.mapStage.style.aspectRatio = `${board.size[1]} / ${board.size[0]}`;
    parts.slider = el("input", { type: "range", id: "v-split", min: 0, max: 100, step: 1, value: view.split, "aria-label": "Where the left picture ends",
      oninput: () => { view.split = Number(parts.slider.value); place(); } });
    const button = (text, label, act) => el("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    const diffs = [["a", "left − original"], ["b", "right − original"], ["ab", "left − right"]];
    parts.numbers = el("div");
    room.replaceChildren(parts.thumbs,
      el("div", { class: "form" }, el("label", {}, "Left ", parts.a), button("⇄", "Swap left and right", () => { [view.a, view.b] = [view.b, view.a]; update(); }), el("label", {}, "Right ", parts.b),
        el("span", { class: "zoom" }, button("−", "Zoom out", () => zoom(view.zoom / 1.5)), parts.zoom = el("output", {}), button("+", "Zoom in", () => zoom(view.zoom * 1.5)), button("reset", "Whole picture", () => zoom(1)))),
      el("div", { class: "stages" },
        el("div", {}, parts.stage, parts.slider),
        el("div", {}, parts.mapStage, el("div", { class: "form tight" },
          dic.select("Difference", diffs, view.diff, (v) => { view.diff = v; update(); }, "v-diff"),
          dic.select("times", GAINS.map((g) => [String(g), `×${g}`]), String(view.gain), (v) => { view.gain = Number(v); update(); }, "v-gain")))),
      parts.numbers, el("p", { class: "hint" }, album.note));
    gestures(parts.stage, true);
    gestures(parts.mapStage, false);
    update();
  }

  function update() {
    const item = album.items[view.item], all = sources(item);
    [...parts.thumbs.children].forEach((b, i) => b.setAttribute("aria-pressed", String(i === view.item)));
    for (const which of ["a", "b"]) {
      parts[which].replaceChildren(...all.map((s) => el("option", { value: s.value }, s.text)));
      if (!all.some((s) => s.value === view[which])) view[which] = "x";
      parts[which].value = view[which];
    }
    const [a, b] = [chosen("a"), chosen("b")];
    parts.imgA.src = a.uri; parts.imgA.alt = `${item.id}: ${a.text}`;
    parts.imgB.src = b.uri; parts.imgB.alt = `${item.id}: ${b.text}`;
    parts.nameA.textContent = a.text; parts.nameB.textContent = b.text;
    numbers(a, b);
    map(item, a, b);
    place();
  }
  function numbers(a, b) {
    const metrics = dic.state.board.metrics.filter((m) => [a, b].some((s) => s.v[m] !== undefined && s.v[m] !== null));
    const rows = metrics.map((m) => {
      const better = data.metrics[m].better, [p, q] = [a.v[m], b.v[m]];
      const wins = (s, t) => better !== 0 && Number.isFinite(s) && Number.isFinite(t) && (s - t) * better > 0;
      return [dic.title(m, false), el("span", { class: wins(p, q) ? "best" : null }, dic.show(m, p)), el("span", { class: wins(q, p) ? "best" : null }, dic.show(m, q))];
    });
    rows.unshift(["bits per pixel", dic.number(a.bpp, 4), dic.number(b.bpp, 4)]);
    parts.numbers.replaceChildren(dic.table([{ name: "of this item", left: true }, { name: a.text }, { name: b.text }], rows, "Numbers of the two pictures"));
  }
  const pixels = new Map();
  async function load(uri) {
    if (!pixels.has(uri)) {
      const image = new Image();
      image.src = uri;
      await image.decode();
      const canvas = el("canvas", { width: image.naturalWidth, height: image.naturalHeight });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      pixels.set(uri, context.getImageData(0, 0, canvas.width, canvas.height));
    }
    return pixels.get(uri);
  }
  /* Black through violet and orange to white: grows in lightness, so that it reads without colour vision too. */
  const STOPS = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
  function heat(t) {
    const k = Math.min(0.9999, t) * (STOPS.length - 1), i = Math.floor(k), f = k - i;
    return STOPS[i].map((c, j) => c + (STOPS[i + 1][j] - c) * f);
  }
  const HEAT = Array.from({ length: 256 }, (_, i) => heat(i / 255));
  async function map(item, a, b) {
    const uris = view.diff === "ab" ? [a.uri, b.uri] : [view.diff === "a" ? a.uri : b.uri, item.x];
    const [p, q] = await Promise.all(uris.map(load));
    const { width, height } = p;
    parts.canvas.width = width; parts.canvas.height = height;
    const context = parts.canvas.getContext("2d"), out = context.createImageData(width, height);
    for (let i = 0; i < out.data.length; i += 4) {
      const mean = (Math.abs(p.data[i] - q.data[i]) + Math.abs(p.data[i + 1] - q.data[i + 1]) + Math.abs(p.data[i + 2] - q.data[i + 2])) / 3;
      const c = HEAT[Math.min(255, Math.round(mean * view.gain))];
      out.data[i] = c[0]; out.data[i + 1] = c[1]; out.data[i + 2] = c[2]; out.data[i + 3] = 255;
    }
    context.putImageData(out, 0, 0);
    const words = { a: "left against original", b: "right against original", ab: "left against right" };
    parts.mapName.textContent = `|difference| ×${view.gain}: ${words[view.diff]}`;
    parts.canvas.dataset.sum = String(out.data.reduce((s, v) => s + v, 0));
  }

  function place() {
    const move = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
    for (const node of [parts.imgA, parts.imgB]) node.style.transform = move;
    parts.canvas.style.transform = move;
    parts.clip.style.clipPath = `inset(0 0 0 ${view.split}%)`;
    parts.handle.style.left = `${view.split}%`;
    parts.slider.value = view.split;
    parts.zoom.textContent = `${Math.round(view.zoom * 100)} %`;
    parts.nameA.style.opacity = view.split < 12 ? 0 : 1;
    parts.nameB.style.opacity = view.split > 88 ? 0 : 1;
  }
  function bound() {
    const { clientWidth: w, clientHeight: h } = parts.stage;
    view.x = Math.min(0, Math.max(w * (1 - view.zoom), view.x));
    view.y = Math.min(0, Math.max(h * (1 - view.zoom), view.y));
  }
  function zoom(to, cx, cy) {
    const { clientWidth: w, clientHeight: h } = parts.stage;
    const px = cx === undefined ? w / 2 : cx, py = cy === undefined ? h / 2 : cy;
    const next = Math.min(12, Math.max(1, to));
    view.x = px - ((px - view.x) * next) / view.zoom;
    view.y = py - ((py - view.y) * next) / view.zoom;
    view.zoom = next;
    bound();
    place();
  }
  function gestures(stage, slides) {
    let drag = null;
    const local = (event) => { const r = stage.getBoundingClientRect(); return [event.clientX - r.left, event.clientY - r.top, r.width]; };
    stage.addEventListener("pointerdown", (event) => {
      const [x, y, w] = local(event);
      const near = Math.abs(x - (view.split / 100) * w) < 24;
      drag = { slide: slides && (near || view.zoom === 1), x, y, from: [view.x, view.y] };
      stage.setPointerCapture(event.pointerId);
      if (drag.slide) { view.split = Math.min(100, Math.max(0, (100 * x) / w)); place(); }
    });
    stage.addEventListener("pointermove", (event) => {
      if (!drag) return;
      const [x, y, w] = local(event);
      if (drag.slide) view.split = Math.min(100, Math.max(0, (100 * x) / w));
      else { view.x = drag.from[0] + x - drag.x; view.y = drag.from[1] + y - drag.y; bound(); }
      place();
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { drag = null; });
    stage.addEventListener("dblclick", (event) => { const [x, y] = local(event); zoom(view.zoom > 1 ? 1 : 3, x, y); });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const [x, y] = local(event);
      zoom(view.zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2), x, y);
    }, { passive: false });
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [30, 0], ArrowRight: [-30, 0], ArrowUp: [0, 30], ArrowDown: [0, -30] }[event.key];
      if (event.key === "+" || event.key === "=") zoom(view.zoom * 1.5);
      else if (event.key === "-") zoom(view.zoom / 1.5);
      else if (event.key === "0") zoom(1);
      else if (step && view.zoom > 1) { view.x += step[0]; view.y += step[1]; bound(); place(); }
      else if (step && step[0]) { view.split = Math.min(100, Math.max(0, view.split - step[0] / 15)); place(); }
      else return;
      event.preventDefault();
    });
  }
  function show(id, label, rate) {
    const index = items().indexOf(id);
    if (index < 0) return;
    view.item = index;
    view.a = "x";
    const own = album.items[index].points.filter((p) => p.label === label);
    const order = (r) => Number((r.match(/\d+/) || [0])[0]);
    if (own.length) view.b = name(label, own.reduce((p, q) => (Math.abs(order(q.rate) - order(rate)) < Math.abs(order(p.rate) - order(rate)) ? q : p)).rate);
    update();
    byId("pictures").scrollIntoView();
  }
  dic.onBoard(draw);
  return { items, show, view };
})();
