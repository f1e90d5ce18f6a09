// Going to a part of the page. The parts are drawn as they come near, and push
// down what is below them, so that where a part begins is not known at first.

const settled = 2000; // ms without a change of the page
const nav = document.querySelector("nav");

// The bar of links may be of one line or of three: nothing hides behind it.
const measure = () => document.documentElement.style.setProperty("--nav", `${nav.offsetHeight}px`);
new ResizeObserver(measure).observe(nav);
measure();

let leave = () => {};

// land brings an element to the top of the window and holds it there while the
// page grows, until nothing does or the reader moves.
export function land(element) {
  leave();
  let timer = 0;
  const hold = () => {
    element.scrollIntoView({ behavior: "instant", block: "start" });
    clearTimeout(timer);
    timer = setTimeout(leave, settled);
  };
  const watch = new ResizeObserver(hold);
  leave = () => {
    watch.disconnect();
    clearTimeout(timer);
    leave = () => {};
  };
  watch.observe(document.body);
  hold();
}

for (const move of ["wheel", "touchmove", "keydown", "pointerdown"])
  addEventListener(move, () => leave(), { passive: true });

function landOn(hash) {
  const part = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
  if (part) land(part);
}

for (const link of document.querySelectorAll('a[href^="#"]'))
  link.addEventListener("click", () => landOn(link.hash));

// first is the part that an address without one is about: the first of which it sets
// anything.
function first() {
  const set = [...new URLSearchParams(location.search).keys()].map((name) => name.split(".")[0]);
  return [...document.querySelectorAll("main [id]")].find((e) => set.includes(e.id));
}

// A page that is loaded again or gone back to stays where the browser puts it.
if (performance.getEntriesByType("navigation")[0]?.type === "navigate") {
  landOn(location.hash || `#${first()?.id ?? ""}`);
}
