// One run: how it is, how it was set, and what its model computes.

import { ask, latestOnly, reason } from "./ask.js";
import { pictured } from "./board.js";
import { cell } from "./rows.js";
import { visible } from "./visible.js";

const page = document.getElementById("run"),
  inside = document.getElementById("inside");
let looked = null,
  seen = null; // how far the run was when its model was last looked into
const look = pictured(inside, () => ({ run: looked }));
const part = (name) => document.getElementById(`run-${name}`);

function settings(list, kept) {
  list.replaceChildren(
    ...kept.map((s) => {
      const tr = document.createElement("tr");
      tr.append(
        cell(s.name),
        cell(s.value),
        cell(s.set ? s.usual || "none" : s.usual),
        cell(s.means),
      );
      return tr;
    }),
  );
}

function show(run) {
  part("says").textContent = run.says;
  part("says").classList.toggle("bad", run.state === "diverged" || run.state === "damaged");
  part("name").textContent = run.name ? `${run.path}: ${run.name}` : run.path;
  part("note").textContent = run.note ?? "";
  part("note").hidden = !run.note;
  part("facts").replaceChildren(
    ...run.facts.flatMap((f) => {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = f.label;
      dd.textContent = f.value;
      return [dt, dd];
    }),
  );
  settings(
    part("set"),
    run.settings.filter((s) => s.set),
  );
  settings(
    part("usual"),
    run.settings.filter((s) => !s.set),
  );
}

const refresh = latestOnly(async () => {
  const path = looked;
  if (!path) return;
  try {
    const run = await ask(`/api/run?${new URLSearchParams({ run: path })}`);
    if (path !== looked) return;
    show(run);
    const far = `${run.state} ${run.step}`;
    if (far !== seen) look(); // the model inside has changed
    seen = far;
  } catch (error) {
    if (path !== looked) return;
    part("says").textContent = reason(error);
    part("says").classList.add("bad");
  }
});

// lookAt shows a run, or none for null.
export function lookAt(path) {
  [looked, seen] = [path, null];
  page.hidden = !path;
  part("name").textContent = visible(path ?? "");
  document.getElementById("inside-name").textContent = visible(path ?? "");
  refresh();
}

// lookAgain shows what has become of it.
export function lookAgain() {
  refresh();
}
