"use strict";
/* Where a number comes from. */
dic.drawer = (() => {
  const { el, byId, data } = dic;
  const box = byId("drawer");
  const list = (pairs) => el("dl", {}, pairs.filter(([, v]) => v !== undefined && v !== null && v !== "").map(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]));
  const inWords = (value) => Object.entries(value || {}).map(([k, v]) => `${k} ${v === null ? "–" : v}`).join(" · ");

  function open(codec, point, control) {
    if (!point) return;
    const unit = data.units[point.key] || {};
    const env = data.environments[unit.env] || {};
    const metrics = dic.state.board.metrics.filter((m) => point.v[m] !== undefined && point.v[m] !== null);
    const others = codec.points[control] || [];
    box.replaceChildren(
      el("form", { method: "dialog" }, el("button", { class: "close", "aria-label": "Close" }, "×")),
      el("h2", { id: "drawer-h" }, dic.swatch(codec), `${codec.label} ${point.rate}` + (control === "none" ? "" : `, ${control}`)),
      el("p", { class: "hint" }, codec.title),
      dic.select("Rate point", others.map((p) => [p.rate, `${p.rate} · ${dic.number(p.bpp, 4)} bpp`]), point.rate, (rate) => open(codec, others.find((p) => p.rate === rate), control)),
      el("h3", {}, "Bits"),
      list([["file, container included", `${dic.number(point.bpp, 5)} bpp`], ["payload", `${dic.number(point.payload, 5)} bpp`],
        ["by the model's likelihoods", point.estimated === null ? null : `${dic.number(point.estimated, 5)} bpp`],
        ["coder's own file format", point.native === null ? null : `${dic.number(point.native, 5)} bpp`],
        ["milliseconds an item", `encode ${dic.number(point.encode_ms, 1)}, decode ${dic.number(point.decode_ms, 1)}` + (point.side_ms === null ? "" : `, of it y alone ${dic.number(point.side_ms, 1)}`)]]),
      el("h3", {}, "Metrics"),
      list(metrics.map((m) => [dic.title(m, false), dic.show(m, point.v[m]) + (point.i && point.i[m] ? ` (${dic.show(m, point.i[m][0])} … ${dic.show(m, point.i[m][1])})` : "") + (point.s && point.s[m] !== undefined ? ` ± ${dic.show(m, point.s[m])} between repetitions` : "")])),
      el("h3", {}, "Provenance"),
      list([["key", point.key], ["protocol", dic.state.board.protocol], ["manifest", dic.state.board.manifest], ["items", String(dic.state.board.n)],
        ["coded", unit.created], ["weights", unit.weights], ["parameters", unit.parameters ? unit.parameters.toLocaleString("en") : null], ["revision", unit.revision],
        ["source", unit.source], ["commit", unit.commit], ["bytes written by", unit.coder], ["command", unit.argv],
        ["machine", inWords(env.device)], ["versions", inWords(env.versions)]]));
    if (!box.open) box.showModal();
  }
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  return { open };
})();
