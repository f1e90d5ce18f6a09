// The page. Its parts read their controls, ask, hand the answer to the figures, and
// keep their state in the address. Most are pictures of a form.

import "./game.js";
import "./flow.js";
import "./heads.js";
import "./runs.js";
import "./drop.js";
import "./land.js";
import { pictured } from "./board.js";
import { play, set } from "./controls.js";

for (const part of ["process", "step", "half", "position", "depth"]) {
  const area = document.getElementById(part),
    refresh = pictured(area);
  for (const b of area.querySelectorAll("[data-play]")) play(b);
  for (const place of area.querySelectorAll("[data-pick]")) {
    const [x, y] = place.dataset.pick.split(" ").map((n) => area.querySelector("form").elements[n]);
    place.addEventListener("pick", (e) => {
      if (area.querySelector("form").elements.d.value !== "2") return; // a click has no depth
      set(x, e.detail.x.toFixed(2));
      set(y, e.detail.y.toFixed(2));
    });
  }
  if (part === "process") {
    refresh();
    continue;
  } // others follow its sequence
  // What is far down is asked for when it comes near.
  new IntersectionObserver(
    (seen, observer) => {
      if (seen.some((s) => s.isIntersecting)) {
        observer.disconnect();
        refresh();
      }
    },
    { rootMargin: "600px" },
  ).observe(area);
}
