"use strict";
/* Theme, datasets, start. */
(() => {
  const { data, el, byId } = dic;
  const list = byId("theme");
  const keep = (value) => { try { localStorage.setItem("dic-bench-theme", value); } catch { /* a page from disk may have no storage */ } };
  const kept = () => { try { return localStorage.getItem("dic-bench-theme"); } catch { return null; } };
  function theme(value) {
    if (value === "auto") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.setAttribute("data-theme", value);
    list.value = value;
  }
  theme(["light", "dark"].includes(kept()) ? kept() : "auto");
  list.addEventListener("change", () => { theme(list.value); keep(list.value); });
  byId("boards").replaceChildren(...data.boards.map((b, i) => el("button", { type: "button", "aria-pressed": "false", onclick: () => dic.choose(i) }, b.name)));
  dic.choose(0);
  document.documentElement.setAttribute("data-ready", "yes");
})();
