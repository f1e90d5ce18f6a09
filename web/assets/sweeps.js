// The sweeps: every trial's error against its settings, those that are kept, and a table.

import { onReturn, recall, recallAll, remember } from "./address.js";
import { ask, busy, latestOnly, pause, reason } from "./ask.js";
import { draw } from "./board.js";
import { brushes } from "./brushes.js";
import { brief, cell } from "./rows.js";

const area = document.getElementById("sweep"),
  form = document.getElementById("sweep-form");
const part = (name) => document.getElementById(`sweep-${name}`);
const colours = { kept: 0, "mean of the kept": 0, "the best kept": 1, "left out": 8 },
  neutral = 6,
  marked = 2;
const look = 3000,
  settled = 250; // ms from one look at the list to the next; without a key
let known = [],
  shown = "",
  timer = 0;

const chosen = () => known.find((s) => s.id === recall("sweep.sweep")) ?? known[0];

function query() {
  const q = new URLSearchParams({ sweep: chosen().id });
  for (const name of ["keep", "from", "to", "below", "mark"])
    for (const v of recallAll(`sweep.${name}`)) q.append(name, v);
  return q;
}

function line(list, rows, what) {
  list.replaceChildren(
    ...rows.map((r) => {
      const tr = document.createElement("tr");
      tr.append(...what(r));
      return tr;
    }),
  );
}

// mark is a button that marks a trial in every panel.
function mark(id) {
  const b = document.createElement("button"),
    on = recall("sweep.mark") === id;
  b.type = "button";
  b.textContent = id;
  b.setAttribute("aria-label", `mark the trial ${id}`);
  b.setAttribute("aria-pressed", String(on));
  b.addEventListener("click", () => changed({ "sweep.mark": on ? null : id }));
  return b;
}

function show(answer) {
  const focused =
    part("rows").contains(document.activeElement) && document.activeElement.textContent;
  for (const f of answer.figures ?? [])
    for (const p of f.panels)
      for (const s of p.series) {
        s.colour = colours[s.label] ?? (s.label.startsWith("trial ") ? marked : neutral);
      }
  draw(
    area.querySelector("[data-figure]"),
    answer.figures?.find((f) => f.name === "trials"),
  );
  const titles = [
    "",
    "trial",
    ...answer.settings.map((s) => s.name),
    "test error",
    "loss",
    "steps",
  ];
  part("head").replaceChildren(
    ...titles.map((title) => {
      const th = document.createElement("th");
      th.scope = "col";
      th.textContent = title || "place";
      return th;
    }),
  );
  let place = 0;
  line(part("rows"), answer.rows, (r) => [
    cell(String(++place), "n"),
    cell(mark(r.id)),
    ...r.values.map((v) => cell(v)),
    cell(brief(r.test_mse), "n"),
    cell(brief(r.loss), "n"),
    cell(String(r.steps), "n"),
  ]);
  if (focused)
    [...part("rows").querySelectorAll("button")]
      .find((b) => b.textContent === focused)
      ?.focus({ preventScroll: true });
  part("more").hidden = answer.kept <= answer.rows.length;
  part("more").textContent = `The best ${answer.rows.length} of ${answer.kept} are listed.`;
  part("wrong").hidden = answer.wrong.length === 0;
  line(part("failed"), answer.wrong, (r) => [
    cell(r.id || "unknown"),
    cell(r.says, "says bad"),
    cell(answer.settings.map((s, i) => `${s.name}=${r.values[i]}`).join(" "), "set"),
  ]);
  part("facts").replaceChildren(
    ...answer.facts.flatMap((f) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = f.label;
      dd.textContent = f.value;
      return [dt, dd];
    }),
  );
  brushes(part("brushes"), answer.settings, changed);
  say(`${answer.kept} of ${answer.done} trials that are done are kept.`);
}

function say(text, wrong = false) {
  part("status").textContent = text;
  part("status").classList.toggle("wrong", wrong);
}

const refresh = latestOnly(async () => {
  if (!chosen()) return;
  for (;;) {
    try {
      show(await ask(`/api/sweep?${query()}`));
      area.dataset.drawn = Number(area.dataset.drawn ?? 0) + 1;
    } catch (error) {
      if (error.status === busy) {
        await new Promise((done) => setTimeout(done, pause));
        continue;
      }
      say(reason(error), true);
    }
    return;
  }
});

// changed takes over what a reader did.
function changed(news) {
  remember(news);
  refresh();
}

function restore() {
  form.elements.sweep.value = chosen()?.id ?? "";
  form.elements.below.value = recall("sweep.below") ?? "";
}

// list looks which sweeps there are, and draws the chosen one again when it has moved on.
async function list() {
  const found = await ask("/api/sweeps").catch(() => null);
  if (found === null || JSON.stringify(found) === JSON.stringify(known)) return;
  known = found;
  area.hidden = known.length === 0;
  part("none").hidden = known.length > 0;
  form.elements.sweep.replaceChildren(
    ...known.map(
      (s) =>
        new Option(
          s.error
            ? `${s.id}: it cannot be read`
            : `${s.id}, ${s.done} of ${s.trials} done, from ${s.from}`,
          s.id,
        ),
    ),
  );
  restore();
  const now = JSON.stringify(chosen() ?? null);
  if (now !== shown) refresh();
  shown = now;
}

form.elements.sweep.addEventListener("input", () => {
  // What was kept of one sweep is nothing to another.
  changed({
    "sweep.sweep": form.elements.sweep.value,
    "sweep.keep": [],
    "sweep.from": [],
    "sweep.to": [],
    "sweep.mark": null,
  });
  shown = JSON.stringify(chosen() ?? null);
});
form.elements.below.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(
    () => changed({ "sweep.below": form.elements.below.value.trim() || null }),
    settled,
  );
});
form.addEventListener("submit", (e) => e.preventDefault());
form.addEventListener("reset", () =>
  setTimeout(() => {
    changed({ "sweep.keep": [], "sweep.from": [], "sweep.to": [], "sweep.below": null });
    restore();
  }),
);
onReturn(() => {
  restore();
  refresh();
});
list();
setInterval(() => document.hidden || list(), look);
