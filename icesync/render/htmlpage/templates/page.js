"use strict";

// The filter of the page: text, organization or file, kinds. Its state stands in
// the address after "#", so that a link shows what its sender saw. Without this
// script everything is shown.
(() => {
  const find = (selector) => [...document.querySelectorAll(selector)];
  const named = (id) => document.getElementById(id);

  const tools = named("tools");
  const query = named("query");
  const group = named("group");
  const count = named("count");
  const none = named("none");
  const chips = find("[data-chip]");
  const folds = find("[data-fold]");
  const cells = new Map(find("[data-at]").map((cell) => [cell.dataset.at, cell]));
  const tiles = find("[data-tile]");
  // What all lines of a table have in common is looked for in each of them.
  const tables = new Map(find("[data-table]").map((element) => [element, {
    element,
    parts: [...element.querySelectorAll(".head, .blocks, thead")],
    text: null,
    shown: true,
  }]));
  const items = find("[data-kind]").map((element) => ({
    element,
    table: tables.get(element.closest("[data-table]")),
    kind: element.dataset.kind,
    cells: [element, ...element.querySelectorAll("[data-member]")]
      .map((one) => cells.get(one.id)).filter(Boolean),
    groups: new Set([element.dataset.group, ...[...element.querySelectorAll("[data-member]")]
      .map((one) => one.dataset.member)]),
    size: Number(element.dataset.size ?? 1),
    text: null,
    shown: true,
  }));
  const cards = [...tables.values(), ...items.filter(({ element }) => element.matches("article"))]
    .sort((one, other) => one.element.compareDocumentPosition(other.element) & 4 ? -1 : 1);
  const total = items.reduce((sum, item) => sum + item.size, 0);
  const unfolded = new Set(folds.filter((fold) => fold.open));
  let wasAsked = false;
  const state = { text: "", group: "", kinds: new Set() };

  const textOf = (item) => (item.text ??=
    (item.parts ?? [item.element]).map((part) => part.textContent).join("\n").toLowerCase());

  // Everything that is asked for must be there: words are joined by "and".
  const fits = (item, words) =>
    (!state.group || item.groups.has(state.group)) &&
    (!state.kinds.size || state.kinds.has(item.kind)) &&
    words.every((word) => textOf(item).includes(word) ||
      (item.table && textOf(item.table).includes(word)));

  function show() {
    const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const fit = fits(item, words);
      shown += fit ? item.size : 0;
      if (fit === item.shown) continue;
      item.shown = fit;
      item.element.hidden = !fit;
      for (const cell of item.cells) cell.classList.toggle("dim", !fit);
    }
    const asked = words.length > 0 || Boolean(state.group);
    for (const fold of folds) {
      fold.hidden = !fold.querySelector("[data-kind]:not([hidden])");
      if (asked !== wasAsked) fold.open = asked || unfolded.has(fold);
      const table = tables.get(fold.parentElement);
      if (table) table.element.hidden = !(table.shown = !fold.hidden);
    }
    wasAsked = asked;
    for (const tile of tiles) {
      tile.classList.toggle("dim", Boolean(state.group) && tile.dataset.tile !== state.group);
    }
    const section = named("rest-section");
    if (section) section.hidden = !section.querySelector("[data-fold]:not([hidden])");
    none.hidden = shown > 0 || items.length === 0;
    const [some, all] = [shown, total].map((number) => number.toLocaleString("en"));
    count.textContent = `${some} of ${all}`;
    makeReachable();
  }

  // The list is one stop of the tab key; arrows move inside of it.
  let stop = null;
  function makeReachable(wanted = null) {
    const next = wanted ?? (stop?.shown ? stop : cards.find((card) => card.shown));
    if (next === stop) return;
    if (stop) stop.element.tabIndex = -1;
    if (next) next.element.tabIndex = 0;
    stop = next ?? null;
  }

  function visit(item) {
    makeReachable(item);
    item.element.focus({ preventScroll: true });
    item.element.scrollIntoView({ block: item.table ? "center" : "nearest" });
  }

  function step(by) {
    const shown = cards.filter((card) => card.shown);
    const at = shown.findIndex((card) => card.element.contains(document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : shown.length - 1) : at + by;
    if (shown[next]) visit(shown[next]);
  }

  function readAddress() {
    const text = location.hash.slice(1);
    let name = text;
    try {
      name = decodeURIComponent(text);
    } catch {
      // Not an address of this page's making.
    }
    const item = items.find(({ element }) => element.id === name);
    if (item) return open(item);
    if (name && named(name)) {
      named(name).closest("details")?.setAttribute("open", "");
      show();
      return named(name).scrollIntoView({ block: "center" });
    }
    const asked = new URLSearchParams(text);
    const kinds = (asked.get("kind") ?? "").split(",");
    state.text = asked.get("q") ?? "";
    state.group = group && [...group.options].some((o) => o.value === asked.get("in"))
      ? asked.get("in") : "";
    state.kinds = new Set(chips.map((c) => c.dataset.chip).filter((key) => kinds.includes(key)));
    showState();
  }

  // A link to one server shows it, whatever the filter was.
  function open(item) {
    if (!item.shown) clear();
    show();
    item.element.closest("details")?.setAttribute("open", "");
    item.element.tabIndex = -1;
    visit(item);
  }

  function clear() {
    state.text = "";
    state.group = "";
    state.kinds.clear();
    showState();
  }

  function showState() {
    query.value = state.text;
    if (group) group.value = state.group;
    for (const chip of chips) {
      chip.setAttribute("aria-pressed", String(state.kinds.has(chip.dataset.chip)));
    }
    show();
  }

  function keepAddress() {
    const kept = new URLSearchParams();
    if (state.text) kept.set("q", state.text);
    if (state.group) kept.set("in", state.group);
    if (state.kinds.size) kept.set("kind", [...state.kinds].join(","));
    history.replaceState(null, "", `#${kept}`);
  }

  let waiting = false;
  function changed() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      showState();
      keepAddress();
    });
  }

  query.addEventListener("input", () => {
    state.text = query.value;
    changed();
  });
  group?.addEventListener("change", () => {
    state.group = group.value;
    changed();
  });
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      const key = chip.dataset.chip;
      if (!state.kinds.delete(key)) state.kinds.add(key);
      changed();
    });
  }
  document.addEventListener("click", (event) => {
    const cell = event.target.closest?.("[data-at]");
    const inside = cell && named(cell.dataset.at);
    const item = inside && items.find(({ element }) => element.contains(inside));
    if (!item) return;
    inside.closest("details")?.setAttribute("open", "");
    open(item);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const writing = event.target.matches?.("input, select, textarea");
    const inCard = cards.some(({ element }) => element === document.activeElement);
    if (event.key === "Escape") {
      clear();
      keepAddress();
    } else if (event.key === "/" && !writing) {
      query.focus();
      query.select();
    } else if (event.target === query && event.key === "ArrowDown") {
      step(1);
    } else if (!writing && (event.key === "j" || (inCard && event.key === "ArrowDown"))) {
      step(1);
    } else if (!writing && (event.key === "k" || (inCard && event.key === "ArrowUp"))) {
      step(-1);
    } else {
      return;
    }
    event.preventDefault();
  });
  addEventListener("hashchange", readAddress);

  tools.hidden = false;
  readAddress();
})();
