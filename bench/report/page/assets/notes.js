"use strict";
/* What the reader must know of the board, and what could not be measured. */
dic.onBoard((board) => {
  const { el, byId } = dic;
  byId("about").replaceChildren(
    el("span", {}, `${board.name} · protocol ${board.protocol} · N = ${board.n} · ${board.size[0]}×${board.size[1]} pixels · manifest ${board.manifest.slice(0, 12)}`),
    ...board.warnings.map((text) => el("strong", {}, text)));
  const absent = board.absent.length ? dic.table(["codec", "rate", "control", "status", "reason"].map((name) => ({ name, left: true })), board.absent, "Not measured") : null;
  byId("note-list").replaceChildren(el("ul", {}, board.notes.map((n) => el("li", {}, n))), ...(absent ? [el("h3", {}, "Not measured"), absent] : []));
});
