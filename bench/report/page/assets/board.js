"use strict";
/* The leaderboard: tables that sort. */
dic.board = (() => {
  const { el, byId } = dic;
  let chosen = 0;

  function sortable(made) {
    const table = el("table", {}, el("caption", { class: "sr" }, made.title));
    const body = el("tbody");
    const heads = made.columns.map((column, index) => {
      const button = el("button", { type: "button", title: column.about || null }, column.name);
      const head = el("th", { scope: "col", class: column.left ? "left" : null, "aria-sort": "none" }, button);
      button.addEventListener("click", () => sort(index));
      return head;
    });
    let rows = made.rows;
    function sort(index) {
      const column = made.columns[index];
      const was = heads[index].getAttribute("aria-sort");
      const natural = column.better > 0 ? "descending" : "ascending";
      const order = was === "none" ? natural : was === "ascending" ? "descending" : "ascending";
      heads.forEach((head, i) => head.setAttribute("aria-sort", i === index ? order : "none"));
      const sign = order === "ascending" ? 1 : -1;
      const value = (row) => (column.left ? row[index].t : row[index].v);
      const gap = (v) => v === null || v === undefined || v === "";
      rows = made.rows.slice().sort((a, b) => {
        const [p, q] = [value(a), value(b)];
        if (gap(p) || gap(q)) return gap(p) - gap(q);
        return sign * (typeof p === "string" ? p.localeCompare(q, "en", { numeric: true }) : p - q);
      });
      fill();
    }
    function fill() {
      body.replaceChildren(...rows.map((row) => el("tr", {}, row.map((cell, i) => {
        const c = i === made.label ? dic.codec(cell.t) : null;
        return el(i === made.label ? "th" : "td", { scope: i === made.label ? "row" : null, class: (made.columns[i].left ? "left" : "") + (cell.best ? " best" : ""), title: cell.about || null },
          c ? el("button", { type: "button", class: "link", onclick: () => dic.drawer.open(c, c.points.none[0], "none") }, dic.swatch(c), cell.t) : cell.t,
          cell.s ? el("small", {}, cell.s) : null);
      }))));
    }
    fill();
    table.append(el("thead", {}, el("tr", {}, heads)), body);
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": made.title }, table);
  }

  function draw(board) {
    const groups = board.tables;
    if (chosen >= groups.length) chosen = 0;
    byId("bands").replaceChildren(...(groups.length > 1 ? groups.map((g, i) =>
      el("button", { type: "button", "aria-pressed": String(i === chosen), onclick: () => { chosen = i; draw(board); } }, g.name)) : []));
    const group = groups[chosen];
    byId("tables").replaceChildren(...(group ? group.tables.flatMap((t) => [
      t.title ? el("h3", {}, t.title) : null, t.about ? el("p", { class: "hint" }, t.about) : null,
      t.rows.length ? sortable(t) : null, ...(t.notes || []).map((n) => el("p", { class: "hint" }, n))]).filter(Boolean) : [el("p", {}, "Nothing here can be ranked.")]));
  }
  dic.onBoard(draw);
  return { draw };
})();
