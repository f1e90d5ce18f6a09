// Part three: training, live.

import { onReturn } from "./address.js";
import { ask, latestOnly, listen, reason } from "./ask.js";
import { say, show } from "./board.js";
import { words } from "./call.js";
import { changed, query, restore, set, still } from "./controls.js";
import { typeset } from "./figure.js";
import { draw, strip } from "./strip.js";

const area = document.getElementById("heads"),
  form = area.querySelector("form");
let note = restore("heads", form),
  training = new AbortController();
// What theory says is there before the training is.
const picture = area.querySelector(".strip"),
  theory = area.querySelector("[data-theory]");
const promise = latestOnly(async () => {
  const q = new URLSearchParams(
    ["family", "d", "h"].map((name) => [name, form.elements[name].value]),
  );
  try {
    const answer = await ask(`/api/least?${q}`);
    typeset(theory, answer.words.theory);
    draw(picture, {
      h: Number(q.get("h")),
      d: Number(q.get("d")),
      pairs: q.get("family") === "rotation",
      lost: answer.numbers.minimum,
    });
  } catch (error) {
    typeset(theory, reason(error));
  }
});
strip(picture, (h) => h !== Number(form.elements.h.value) && set(form.elements.h, h));
for (const b of area.querySelectorAll("[data-head]")) {
  b.addEventListener("click", () =>
    set(form.elements.h, Number(form.elements.h.value) + Number(b.dataset.head)),
  );
}
promise();

const train = async () => {
  training.abort();
  const mine = (training = new AbortController());
  say(area, `${note} Training.`.trim());
  area.dataset.state = "training";
  let shown = 0;
  area.querySelector("[data-says]").hidden = true; // it was of another training
  try {
    await listen(`/api/heads?${query(form)}`, mine.signal, (name, data) => {
      if (name === "frame") {
        show(area, data);
        area.dataset.frames = ++shown;
        area.dataset.loss = data.loss;
        area.dataset.minimum = data.minimum;
        const at = `Iteration ${data.iteration} of ${data.iterations}.`;
        say(area, `${note} ${still.matches ? "Training." : at}`.trim());
      } else if (name === "failed") throw new Error(data.error);
      else {
        area.dataset.state = "done";
        say(area, `${note} Done after ${shown} pictures.`.trim());
      }
    });
    if (area.dataset.state !== "done")
      throw new Error(words.ended);
  } catch (error) {
    if (mine.signal.aborted) return;
    area.dataset.state = "failed";
    say(area, reason(error), true);
  }
};
form.addEventListener("submit", (e) => {
  e.preventDefault();
  train();
});
area.querySelector("[data-stop]").addEventListener("click", () => {
  training.abort();
  say(area, "Stopped.");
  area.dataset.state = "stopped";
});
form.addEventListener("input", (e) => {
  note = changed("heads", form, e.target);
  promise();
  if (area.dataset.state) train();
});
onReturn(() => {
  const before = query(form).toString();
  note = restore("heads", form);
  promise();
  if (area.dataset.state && query(form).toString() !== before) train();
});
for (const place of area.querySelectorAll("[data-figure]")) place.hidden = true;
if (!still.matches)
  new IntersectionObserver((seen, observer) => {
    if (seen.some((s) => s.isIntersecting)) {
      observer.disconnect();
      if (!area.dataset.state) train();
    }
  }).observe(area);
