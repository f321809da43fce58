"use strict";
/* Worst and best items of one codec in one metric. */
dic.extremes = (() => {
  const { el, byId, data } = dic;
  const chosen = { metric: "", codec: "", rate: "" };

  function draw(board) {
    const codecs = board.codecs.filter((c) => (c.points.none || []).some((p) => p.x));
    const form = byId("extreme-form"), room = byId("extreme-tables");
    if (!codecs.length) { form.replaceChildren(); room.replaceChildren(el("p", {}, "No item values here.")); return; }
    const codec = codecs.find((c) => c.label === chosen.codec) || codecs[0];
    const points = codec.points.none.filter((p) => p.x);
    const point = points.find((p) => p.rate === chosen.rate) || points[Math.floor((points.length - 1) / 2)];
    const metrics = board.metrics.filter((m) => point.x[m]);
    const metric = metrics.includes(chosen.metric) ? chosen.metric : metrics[0];
    Object.assign(chosen, { metric, codec: codec.label, rate: point.rate });
    const again = (key) => (value) => { chosen[key] = value; draw(board); };
    form.replaceChildren(
      dic.select("Codec", codecs.map((c) => [c.label, c.label]), codec.label, again("codec"), "x-codec"),
      dic.select("Rate point", points.map((p) => [p.rate, `${p.rate} · ${dic.number(p.bpp, 4)} bpp`]), point.rate, again("rate"), "x-rate"),
      dic.select("Metric", metrics.map((m) => [m, m]), metric, again("metric"), "x-metric"));
    const better = data.metrics[metric].better;
    const [low, high] = point.x[metric];
    const shots = dic.viewer.items();
    const part = (name, rows) => el("div", {}, el("h3", {}, name), dic.table([{ name: "item", left: true }, { name: dic.title(metric, false) }, { name: "bpp" }, { name: "" }],
      rows.map(([index, value, bpp]) => {
        const id = board.items[index];
        return [id, dic.show(metric, value), dic.number(bpp, 4),
          shots.includes(id) ? el("button", { type: "button", onclick: () => dic.viewer.show(id, codec.label, point.rate) }, "see") : ""];
      }), `${name} in ${metric}`));
    const names = better === 0 ? ["Lowest", "Highest"] : ["Worst", "Best"];
    room.replaceChildren(part(names[0], better < 0 ? high : low), part(names[1], better < 0 ? low : high));
  }
  dic.onBoard(draw);
  return { draw };
})();
