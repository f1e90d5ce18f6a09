// The list of runs as a table.

const list = document.getElementById("run-list");

export function cell(content, className) {
  const td = document.createElement("td");
  td.append(...[content].flat());
  if (className) td.className = className;
  return td;
}

export const brief = (x) => (x === null || x === undefined ? "" : Number(x.toPrecision(4)));

export function word(content, className) {
  const span = document.createElement("span");
  span.textContent = content;
  span.className = className;
  return span;
}

function row(run, { chosen, colours, choose, open }) {
  const tr = document.createElement("tr"),
    box = document.createElement("input"),
    look = document.createElement("button");
  const broken = run.state === "damaged",
    wrong = broken || run.state === "diverged";
  box.type = "checkbox";
  box.checked = chosen.includes(run.path);
  box.disabled = broken;
  box.setAttribute("aria-label", `show ${run.path}`);
  box.addEventListener("change", () => choose(run.path, box.checked));
  look.textContent = "look";
  look.type = "button";
  look.disabled = broken;
  look.setAttribute("aria-label", `look at ${run.path}`);
  look.addEventListener("click", () => open(run.path));
  const called = [run.name, ...(run.tags ?? []).map((t) => `#${t}`)].filter(Boolean).join(" ");
  const ink = colours.has(run.path) ? [word("", `ink s${colours.get(run.path)}`)] : [];
  tr.append(
    cell([box, ...ink], "show"),
    cell([run.path, ...(called ? [word(called, "called")] : [])]),
    cell(run.says, wrong ? "says bad" : "says"),
    cell(broken ? "" : `${run.step}/${run.steps}`, "n"),
    cell(brief(run.loss), "n"),
    cell(brief(run.test_mse), "n"),
    cell(brief(run.best), "n"),
    cell(run.floor ? `${brief(run.floor.mean)} ${run.floor.name}` : ""),
    cell(look),
    cell((run.set ?? []).join(" "), "set"),
  );
  return tr;
}

// rows shows the runs, and leaves the focus on what had it.
export function rows(runs, actions) {
  const focused =
    list.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
  list.replaceChildren(...runs.map((run) => row(run, actions)));
  if (!focused) return;
  [...list.querySelectorAll("input, button")]
    .find((e) => e.getAttribute("aria-label") === focused)
    ?.focus({ preventScroll: true });
}
