// The sequence of the process goes through the Transformer: the controls here are those
// of the process, which keep their state.

import { onReturn } from "./address.js";
import { ask } from "./ask.js";
import { drawing, gripped, show } from "./board.js";
import { play, query, set } from "./controls.js";

const area = document.getElementById("flow"),
  form = area.querySelector("form");
const process = document.querySelector("#process form");
const shared = ["theta", "rho", "sigma", "seed", "start", "size", "shown"];
const own = [...form.querySelectorAll("input[name]")];

// follow takes over what the process says.
function follow() {
  for (const c of own) {
    c.value = process.elements[c.name].value;
    c.labels[0].querySelector("output").textContent = c.value;
  }
}

const refresh = drawing(
  area,
  async () => {
    follow();
    const all = query(process),
      q = new URLSearchParams(shared.map((name) => [name, all.get(name)]));
    const answer = await ask(`/api/flow?${q}`);
    show(area, answer);
    gripped(area, answer, q, "process", process);
  },
  () =>
    process.elements.family.value === "rotation"
      ? ""
      : "The layer was trained on rotations: it sees one by the angle of the " +
        `${process.elements.family.value} matrix above.`,
);

let near = false;
const changed = () => {
  follow();
  if (near) refresh();
};
process.addEventListener("input", changed);
onReturn(() => queueMicrotask(changed)); // once the process has its values back
form.addEventListener("submit", (e) => e.preventDefault());
form.addEventListener("input", (e) => set(process.elements[e.target.name], e.target.value));
for (const b of form.querySelectorAll("[data-play]")) play(b);
new IntersectionObserver(
  (seen, observer) => {
    if (seen.some((s) => s.isIntersecting)) {
      observer.disconnect();
      near = true;
      refresh();
    }
  },
  { rootMargin: "600px" },
).observe(area);
