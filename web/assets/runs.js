// Part five: the runs below a folder, live, and the inside of one.

import { onReturn, recall, recallAll, remember } from "./address.js";
import { ask, poll } from "./ask.js";
import { draw, pictured } from "./board.js";
import { palette } from "./figure.js";
import { land } from "./land.js";
import { visible } from "./visible.js";

const area = document.getElementById("runs"), list = document.getElementById("run-list"), inside = document.getElementById("inside");
let chosen = recallAll("runs.run"), looked = recall("inside.run"), connection = new AbortController();
const look = pictured(inside, () => ({ run: looked }));
let seen = null; // how far the run was when it was last looked into
const peer = () => {
  seen = null;
  inside.hidden = !looked;
  document.getElementById("inside-name").textContent = visible(looked ?? "");
  if (looked) look();
};
const cell = (content, className) => {
  const td = document.createElement("td");
  td.append(content);
  if (className) td.className = className;
  return td;
};
const brief = (x) => (x === null || x === undefined ? "" : Number(x.toPrecision(4)));
const row = (run) => {
  const tr = document.createElement("tr"), box = document.createElement("input"), open = document.createElement("button");
  box.type = "checkbox";
  box.checked = chosen.includes(run.path);
  box.disabled = run.state === "damaged";
  box.setAttribute("aria-label", `show ${run.path}`);
  box.addEventListener("change", () => {
    chosen = box.checked ? [...chosen, run.path].slice(-6) : chosen.filter((p) => p !== run.path);
    remember({ "runs.run": chosen });
    connect();
  });
  open.textContent = "look";
  open.type = "button";
  open.disabled = run.state === "damaged";
  open.setAttribute("aria-label", `look inside ${run.path}`);
  open.addEventListener("click", () => {
    looked = run.path;
    remember({ "inside.run": looked });
    peer();
    land(inside);
    inside.querySelector("h3").focus({ preventScroll: true });
  });
  tr.append(cell(box), cell(run.path), cell(run.error ? `${run.state}: ${run.error}` : run.state), cell(`${run.step}/${run.steps}`, "n"), cell(brief(run.loss), "n"), cell(brief(run.test_mse), "n"), cell(open));
  return tr;
};
// paint gives the curves of a run the colour of its number, or the next that no
// older run on show has: whatever else is on show and since when.
const paint = (data) => {
  const colours = new Map();
  for (const r of data.runs.filter((r) => chosen.includes(r.path)).sort((a, b) => a.number - b.number)) {
    let n = r.number % palette;
    while ([...colours.values()].includes(n)) n = (n + 1) % palette;
    colours.set(r.path, n);
  }
  const runOf = (label) => (colours.has(label) ? label : label.replace(/, test$/, ""));
  for (const f of data.figures ?? []) for (const p of f.panels) for (const s of p.series) s.colour = colours.get(runOf(s.label));
};
const update = (data) => {
  const focused = [...list.querySelectorAll("input, button")].indexOf(document.activeElement);
  list.replaceChildren(...data.runs.map(row));
  paint(data);
  if (focused >= 0) list.querySelectorAll("input, button")[focused]?.focus({ preventScroll: true });
  for (const place of area.querySelectorAll(":scope > .pair > [data-figure]")) {
    draw(place, data.figures?.find((f) => f.name === place.dataset.figure));
  }
  const status = document.getElementById("run-status");
  status.classList.remove("wrong");
  status.textContent = data.runs.length ? `${data.runs.length === 1 ? "1 run" : data.runs.length + " runs"}, live.` : "No runs yet: icar train writes one.";
  area.dataset.updates = Number(area.dataset.updates ?? 0) + 1;
  const now = data.runs.find((r) => r.path === looked), far = now && `${now.state} ${now.step}`;
  if (far && far !== seen) { // the model inside has changed
    if (seen !== null) look();
    seen = far;
  }
};
// connect asks for the runs again and again, as long as somebody looks. No
// connection is held: a browser has six for all the pages of a server.
const connect = async () => {
  connection.abort();
  const mine = (connection = new AbortController());
  let tag = ""; // of what is shown
  while (!mine.signal.aborted) {
    let wrong = "";
    try {
      const q = new URLSearchParams(chosen.map((p) => ["run", p]));
      const news = await poll(`/api/runs?${q}`, tag, mine.signal);
      if (mine.signal.aborted) return;
      tag = news.tag;
      if (news.answer) update(news.answer);
    } catch (error) {
      wrong = error.status ? error.message : "The server does not answer; trying again.";
      if (error.status === 404) { chosen = []; remember({ "runs.run": chosen }, true); }
    }
    if (mine.signal.aborted) return;
    if (wrong) {
      tag = "";
      const status = document.getElementById("run-status");
      status.textContent = wrong;
      status.classList.add("wrong");
    }
    await new Promise((resolve) => setTimeout(resolve, wrong ? 1000 : 500));
    if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
};
onReturn(() => {
  const [before, inner] = [chosen.join("\n"), looked];
  [chosen, looked] = [recallAll("runs.run"), recall("inside.run")];
  if (chosen.join("\n") !== before) connect();
  if (looked !== inner) peer();
});
let told = ""; // the claims that are shown
const claims = async () => {
  const all = await ask("/api/claims").catch(() => null);
  if (all === null || JSON.stringify(all) === told) return;
  told = JSON.stringify(all);
  const rows = all.map((c) => {
    const tr = document.createElement("tr");
    tr.append(cell(c.pass ? "✓ holds" : "✗ fails"), cell(c.statement), cell(brief(c.measured), "n"), cell(brief(c.predicted), "n"));
    return tr;
  });
  if (rows.length === 0) {
    const none = cell("None yet: icar reproduce writes them, icar serve --out names their folder.");
    none.colSpan = 4;
    rows.push(none);
  }
  document.getElementById("claim-list").replaceChildren(...rows);
};
peer();
connect();
claims();
setInterval(() => document.hidden || claims(), 5000);
