// Which runs are listed, in which order, and how their curves are smoothed: what the
// address says of it, and what is asked of the server.

import { onReturn, recall, recallAll, remember } from "./address.js";

const form = document.getElementById("run-filter"),
  head = document.getElementById("run-head");
const smooth = document.querySelector("#run-curves [name=smooth]");
const several = ["tag", "where"]; // words with spaces between them
const orders = {
  path: "path",
  name: "name",
  tags: "tags",
  state: "state",
  error: "test error",
  best: "best test error",
  loss: "loss",
  step: "step",
  time: "time of its steps",
};
const settled = 250; // ms without a key
let heard = () => {},
  timer = 0,
  offered = null;

const words = (text) => text.split(/[\s,]+/).filter(Boolean);

// read is the state of the controls by name; what is as at first is null.
function read() {
  const value = { smooth: smooth.value === smooth.options[0].value ? null : smooth.value };
  for (const c of form.elements) {
    if (!c.name) continue;
    if (c.type === "checkbox") value[c.name] = c.checked ? c.value : null;
    else if (several.includes(c.name)) value[c.name] = words(c.value);
    else if (c.tagName === "SELECT")
      value[c.name] = c.value === c.options[0]?.value ? null : c.value;
    else value[c.name] = c.value.trim() || null;
  }
  return value;
}

// restore sets the controls to what the address says.
function restore() {
  fill(recall("runs.sort"));
  smooth.value = recall("runs.smooth") ?? smooth.options[0].value;
  for (const c of form.elements) {
    if (!c.name) continue;
    const value = recall(`runs.${c.name}`);
    if (c.type === "checkbox") c.checked = value === c.value;
    else if (several.includes(c.name)) c.value = recallAll(`runs.${c.name}`).join(" ");
    else c.value = value ?? (c.tagName === "SELECT" ? c.options[0].value : "");
  }
  sorted();
}

// asked is the query that selects the runs: what the address says, which may be what no
// control can be set to, and is then answered with what to use.
export function asked() {
  const query = new URLSearchParams();
  for (const name of Object.keys(read()))
    for (const v of recallAll(`runs.${name}`)) query.append(name, v);
  return query;
}

// onAsk calls connect when something else is asked for.
export function onAsk(connect) {
  heard = connect;
}

// offer adds the settings that differ among the runs to what they are ordered by.
export function offer(settings) {
  if (offered === settings.join()) return;
  offered = settings.join();
  fill(form.elements.sort.value, settings);
}

let known = [];
function fill(value, settings = known) {
  known = settings;
  const option = (name, label) => new Option(label, name);
  const also = value && !(value in orders) && !settings.includes(value) ? [value] : [];
  form.elements.sort.replaceChildren(
    ...Object.entries(orders).map(([name, label]) => option(name, label)),
    ...[...settings, ...also].map((name) => option(name, `setting ${name}`)),
  );
  form.elements.sort.value = value || "path";
}

// sorted marks the column that the list is ordered by.
function sorted() {
  const by = recall("runs.sort") ?? "path",
    back = recall("runs.reverse") === "yes";
  for (const th of head.querySelectorAll("[data-order]")) {
    if (th.dataset.order === by) th.setAttribute("aria-sort", back ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
    th.querySelector(".way").textContent =
      th.dataset.order === by ? (back ? "\u00a0▼" : "\u00a0▲") : "";
  }
}

function changed() {
  remember(Object.fromEntries(Object.entries(read()).map(([name, v]) => [`runs.${name}`, v])));
  sorted();
  heard();
}

for (const th of head.querySelectorAll("[data-order]")) {
  const b = document.createElement("button"),
    way = document.createElement("span");
  b.type = "button";
  b.append(...th.childNodes);
  way.className = "way";
  way.setAttribute("aria-hidden", "true");
  th.append(b, way);
  b.addEventListener("click", () => {
    // again: the other way
    const { sort, reverse } = form.elements,
      same = sort.value === th.dataset.order;
    reverse.checked = same && !reverse.checked;
    sort.value = th.dataset.order;
    changed();
  });
}
form.addEventListener("submit", (e) => e.preventDefault());
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(changed, settled);
});
form.addEventListener("reset", () =>
  setTimeout(() => {
    fill("path");
    changed();
  }),
);
smooth.addEventListener("input", changed);
smooth.form.addEventListener("submit", (e) => e.preventDefault());
onReturn(() => {
  const before = JSON.stringify(read());
  restore();
  if (JSON.stringify(read()) !== before) heard();
});
restore();
