"use strict";
/* Curves over rate: panels, hover, keyboard, legend. */
dic.plot = (() => {
  const { data, el, svg, byId, state } = dic;
  const shown = { metrics: new Set(), log: true, bands: true, controls: false, published: false };
  const CONTROL = { "wrong-y": "wrong y", "blank-y": "grey y", "wrong-x": "wrong bits" };
  let focus = null;

  function steps(low, high, count) {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  }
  function decades(low, high) {
    const made = [];
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
      for (const k of [1, 2, 5]) made.push(Number((k * 10 ** p).toPrecision(3)));
    return made.filter((t) => t >= low * 0.999 && t <= high * 1.001);
  }

  const sends = (c) => (c.points.none || []).some((p) => p.payload > 0);
  const has = (metric) => (p) => p.v[metric] !== undefined && p.v[metric] !== null;
  function curves(board, metric) {
    const made = [];
    for (const c of board.codecs) {
      if (state.hidden.has(c.label)) continue;
      for (const [control, points] of Object.entries(c.points)) {
        if (control !== "none" && !shown.controls) continue;
        const own = points.filter(has(metric));
        if (own.length) made.push({ c, control, points: own, flat: !sends(c) });
      }
    }
    return made;
  }

  function panel(board, metric, width) {
    const scale = data.metrics[metric].scale;
    const all = curves(board, metric);
    const solid = all.filter((k) => !k.flat);
    const rates = solid.flatMap((k) => k.points.map((p) => p.bpp));
    const low = Math.min(...rates, Infinity), high = Math.max(...rates, -Infinity);
    const printed = shown.published ? board.published.filter((p) => p.metric === metric && p.bpp >= low * 0.5 && p.bpp <= high * 1.1) : [];
    const xs = [...rates, ...printed.map((p) => p.bpp)];
    const ys = [...all.flatMap((k) => k.points.map((p) => p.v[metric] * scale)), ...printed.map((p) => p.value * scale)];
    const box = el("figure", { class: "panel" }, el("figcaption", {}, dic.title(metric)));
    if (!xs.length) return fillEmpty(box);
    const height = Math.round(Math.max(230, Math.min(380, width * 0.6)));
    const wide = width > 520;
    const left = 46, top = 8, right = wide ? 138 : 14, bottom = 36;
    let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    if (shown.log) [x0, x1] = [x0 / 1.12, x1 * 1.12]; else [x0, x1] = [0, x1 * 1.05];
    const pad = (Math.max(...ys) - Math.min(...ys)) * 0.06 || Math.abs(ys[0]) * 0.01 || 1;
    const [y0, y1] = [Math.min(...ys) - pad, Math.max(...ys) + pad];
    const X = (v) => left + (width - left - right) * (shown.log ? Math.log(v / x0) / Math.log(x1 / x0) : (v - x0) / (x1 - x0));
    const Y = (v) => top + (height - top - bottom) * (1 - (v - y0) / (y1 - y0));
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, tabindex: 0, role: "img",
      "aria-label": `${dic.title(metric)} over bits per pixel, ${solid.length} curves; arrow keys walk the points` });
    const grid = svg("g", { class: "grid" });
    const every = shown.log ? decades(x0, x1) : [];
    const ticks = shown.log ? (width / every.length < 44 ? every.filter((t) => !String(t).includes("5")) : every) : steps(x0, x1, Math.max(3, Math.floor(width / 90)));
    for (const t of ticks) grid.append(svg("path", { d: `M${X(t)},${top}V${height - bottom}` }), svg("text", { x: X(t), y: height - bottom + 15, "text-anchor": "middle" }, String(t)));
    for (const t of steps(y0, y1, 5)) grid.append(svg("path", { d: `M${left},${Y(t)}H${width - right}` }), svg("text", { x: left - 6, y: Y(t) + 4, "text-anchor": "end" }, String(t).replace("-", "−")));
    grid.append(svg("text", { x: left + (width - left - right) / 2, y: height - 4, "text-anchor": "middle", class: "axis" }, "bits per pixel of the file" + (shown.log ? " (log)" : "")));
    root.append(grid);
    const marks = [], labels = [];
    for (const k of all) {
      const stroke = dic.colour(k.c);
      const main = k.control === "none";
      const group = svg("g", { class: "curve" + (main ? "" : " control") });
      if (k.flat) {
        const y = Y(k.points[0].v[metric] * scale);
        group.append(svg("path", { d: `M${left},${y}H${width - right}`, stroke, "stroke-dasharray": "2 3", "stroke-width": 1.5 }));
        marks.push({ x: left + 4, y, k, p: k.points[0], metric, group });
        labels.push({ x: width - right, y, text: k.c.label, stroke, main });
      } else {
        const spots = k.points.map((p) => ({ x: X(p.bpp), y: Y(p.v[metric] * scale), k, p, metric, group }));
        const band = shown.bands && main ? k.points.filter((p) => p.i && p.i[metric]) : [];
        if (band.length > 1)
          group.append(svg("path", { class: "band", fill: stroke, d: "M" + band.map((p) => `${X(p.bpp)},${Y(p.i[metric][0] * scale)}`).join("L")
            + "L" + band.slice().reverse().map((p) => `${X(p.bpp)},${Y(p.i[metric][1] * scale)}`).join("L") + "z" }));
        group.append(svg("path", { d: "M" + spots.map((s) => `${s.x},${s.y}`).join("L"), stroke, fill: "none",
          "stroke-width": main ? 2 : 1.2, "stroke-dasharray": main ? dic.DASHES[k.c.look[2]] : "1 3" }));
        for (const s of spots) {
          const mark = svg("path", { d: dic.MARKS[main ? k.c.look[1] : 6], transform: `translate(${s.x},${s.y})`, stroke,
            fill: main && !k.c.encoder_sees_y ? stroke : "var(--paper)" });
          group.append(mark);
          marks.push({ ...s, mark });
        }
        const end = spots[spots.length - 1];
        labels.push({ x: end.x + 5, y: end.y, text: k.c.label, stroke, main });
      }
      root.append(group);
    }
    for (const p of printed) {
      const mark = svg("circle", { cx: X(p.bpp), cy: Y(p.value * scale), r: 4, class: "printed" });
      root.append(mark);
      marks.push({ x: X(p.bpp), y: Y(p.value * scale), printed: p, metric });
    }
    if (wide) direct(root, labels.filter((l) => l.main), width - right, top, height - bottom);
    const ring = svg("circle", { r: 8, class: "ring", visibility: "hidden" });
    root.append(ring);
    listen(root, marks, ring, width, height);
    box.append(root);
    return box;
  }
  function fillEmpty(box) { box.append(el("p", { class: "hint" }, "No curve that is switched on has this metric.")); return box; }

  /* Labels in a column at the right, each tied to the end of its curve and pushed apart; what does not fit stays in the legend alone. */
  function direct(root, labels, edge, top, bottom) {
    const row = 14, placed = labels.map((l) => ({ ...l, at: l.y })).sort((a, b) => a.y - b.y);
    if (placed.length * row > bottom - top + row) return;
    for (let round = 0; round < 60; round++) {
      for (let i = 1; i < placed.length; i++) {
        const short = row - (placed[i].at - placed[i - 1].at);
        if (short > 0) { placed[i].at += short / 2; placed[i - 1].at -= short / 2; }
      }
      for (const l of placed) l.at = Math.min(bottom, Math.max(top + 4, l.at));
    }
    for (const l of placed)
      root.append(svg("path", { class: "leader", d: `M${l.x},${l.y}L${edge + 8},${l.at}H${edge + 12}`, style: `stroke:${l.stroke}` }),
        svg("text", { x: edge + 15, y: l.at + 4, class: "direct", style: `fill:${l.stroke}` }, l.text));
  }

  function words(spot) {
    if (spot.printed) {
      const p = spot.printed;
      return [`${p.method}, as published`, `${dic.number(p.bpp, 4)} bpp (${p.kind})`, `${dic.title(spot.metric, false)} ${dic.show(spot.metric, p.value)}`, `${p.convention}; ${p.read}`, p.source];
    }
    const { k, p, metric } = spot;
    const lines = [`${k.c.label} ${p.rate}` + (k.control === "none" ? "" : `, ${CONTROL[k.control] || k.control}`), `${dic.number(p.bpp, 4)} bpp`, `${dic.title(metric, false)} ${dic.show(metric, p.v[metric])}`];
    if (p.i && p.i[metric]) lines.push(`95 %: ${dic.show(metric, p.i[metric][0])} … ${dic.show(metric, p.i[metric][1])}`);
    return lines;
  }
  function listen(root, marks, ring, width, height) {
    const tip = byId("tip");
    let at = null;
    function put(spot, spoken) {
      at = spot;
      for (const g of root.querySelectorAll(".curve")) g.classList.toggle("dim", Boolean(spot && spot.group && g !== spot.group));
      ring.setAttribute("visibility", spot ? "visible" : "hidden");
      tip.hidden = !spot;
      if (!spot) return;
      ring.setAttribute("cx", spot.x);
      ring.setAttribute("cy", spot.y);
      const lines = words(spot);
      tip.replaceChildren(...lines.map((line, i) => el(i ? "div" : "strong", {}, line)));
      const frame = root.getBoundingClientRect();
      const x = frame.left + (spot.x / width) * frame.width, y = frame.top + (spot.y / height) * frame.height;
      const right = x > window.innerWidth - tip.offsetWidth - 20;
      tip.style.left = Math.max(4, right ? x - tip.offsetWidth - 14 : x + 14) + window.scrollX + "px";
      tip.style.top = Math.max(4, y - tip.offsetHeight / 2) + window.scrollY + "px";
      if (spoken) byId("spoken").textContent = lines.join(", ");
    }
    const nearest = (event) => {
      const frame = root.getBoundingClientRect();
      const x = ((event.clientX - frame.left) / frame.width) * width, y = ((event.clientY - frame.top) / frame.height) * height;
      let best = null, least = 40 * 40;
      for (const m of marks) { const d = (m.x - x) ** 2 + (m.y - y) ** 2; if (d < least) [best, least] = [m, d]; }
      return best;
    };
    root.addEventListener("pointermove", (event) => put(nearest(event)));
    root.addEventListener("pointerleave", () => put(null));
    root.addEventListener("blur", () => put(null));
    const open = () => { if (at && at.p) dic.drawer.open(at.k.c, at.p, at.k.control); };
    root.addEventListener("click", (event) => { put(nearest(event)); open(); });
    root.addEventListener("keydown", (event) => {
      const own = marks.filter((m) => m.k);
      if (!own.length) return;
      const here = at && at.k ? at : null;
      const line = here ? own.filter((m) => m.k === here.k) : [];
      const lines = [...new Set(own.map((m) => m.k))];
      let next = null;
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
        const step = event.key === "ArrowRight" ? 1 : -1;
        next = here ? line[line.findIndex((m) => m.p === here.p) + step] || here : own[0];
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        const step = event.key === "ArrowDown" ? 1 : lines.length - 1;
        const target = here ? lines[(lines.indexOf(here.k) + step) % lines.length] : lines[0];
        const there = own.filter((m) => m.k === target);
        next = here ? there.reduce((a, b) => (Math.abs(b.x - here.x) < Math.abs(a.x - here.x) ? b : a)) : there[0];
      } else if (event.key === "Enter") return open();
      else if (event.key === "Escape") return put(null);
      else return undefined;
      event.preventDefault();
      return put(next, true);
    });
  }

  function draw() {
    const board = state.board, room = byId("panels");
    const metrics = board.metrics.filter((m) => shown.metrics.has(m));
    const whole = room.clientWidth || 800;
    const columns = metrics.length > 1 && whole > 760 ? 2 : 1;
    const width = Math.floor((whole - (columns - 1) * 16) / columns) - 2;
    room.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    room.replaceChildren(...metrics.map((m) => panel(board, m, width)));
    byId("tip").hidden = true;
  }
  function controls(board) {
    for (const m of [...shown.metrics]) if (!board.metrics.includes(m)) shown.metrics.delete(m);
    if (!shown.metrics.size)
      for (const m of [board.metrics.find((k) => k === "psnr") || board.metrics[0], board.metrics.find((k) => k.startsWith("lpips"))]) if (m) shown.metrics.add(m);
    byId("metrics").replaceChildren(...board.metrics.map((m) => dic.toggle(m, shown.metrics.has(m), (on) => {
      if (on) shown.metrics.add(m); else shown.metrics.delete(m);
      draw();
    }, { title: data.metrics[m].title + (data.metrics[m].flag ? `: ${data.metrics[m].flag}` : "") })));
    const flip = (key, text, there) => there ? dic.toggle(text, shown[key], (on) => { shown[key] = on; draw(); }, { id: "switch-" + key }) : null;
    const any = (f) => board.codecs.some((c) => Object.entries(c.points).some(f));
    byId("switches").replaceChildren(...[
      flip("log", "log rate", true), flip("bands", "95 % bands", any(([, own]) => own.some((p) => p.i))),
      flip("controls", "controls of y", any(([name]) => name !== "none")),
      flip("published", "published points", board.published.length > 0)].filter(Boolean));
    byId("legend").replaceChildren(...board.codecs.map((c) => dic.toggle([dic.swatch(c), c.label], !state.hidden.has(c.label), (on) => {
      if (on) state.hidden.delete(c.label); else state.hidden.add(c.label);
      draw();
    }, { title: c.title })));
  }
  dic.onBoard((board) => { controls(board); draw(); });
  let wait = 0;
  window.addEventListener("resize", () => { clearTimeout(wait); wait = setTimeout(draw, 80); });
  return { draw, shown };
})();
