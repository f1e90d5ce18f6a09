// The heads as a picture: a disc is a head, a square a coordinate, red what no head
// serves. The last head is dragged away, or another drawn in.

const SVG = "http://www.w3.org/2000/svg";
const cell = 38,
  most = 16,
  top = 24,
  bottom = 84;

// strip shows heads over coordinates in an element, and calls choose(h) when a reader
// wants another number of heads.
export function strip(element, choose) {
  const picture = document.createElementNS(SVG, "svg"),
    grip = document.createElement("div");
  picture.setAttribute("aria-hidden", "true"); // the grip and the sentence say it
  grip.className = "grip";
  grip.tabIndex = 0;
  for (const [k, v] of [
    ["role", "slider"],
    ["aria-label", "heads H"],
    ["aria-valuemin", 1],
    ["aria-valuemax", most],
  ])
    grip.setAttribute(k, v);
  element.append(picture, grip);
  const to = (h) => choose(Math.max(1, Math.min(most, h)));
  grip.addEventListener("pointerdown", (e) => {
    grip.setPointerCapture(e.pointerId);
    grip.focus({ preventScroll: true });
    e.preventDefault();
  });
  grip.addEventListener("pointermove", (e) => {
    if (!grip.hasPointerCapture(e.pointerId)) return;
    const box = picture.getBoundingClientRect();
    to(Math.round((e.clientX - box.left) / (cell * (box.width / picture.viewBox.baseVal.width))));
  });
  grip.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[e.key];
    if (step) {
      e.preventDefault();
      to(element.heads + step);
    }
  });
  new ResizeObserver(() => settle(element)).observe(element);
}

// draw shows h heads and d coordinates, pairs if they come so, of which lost are left
// without a head.
export function draw(element, { h, d, pairs, lost }) {
  const picture = element.querySelector("svg"),
    grip = element.querySelector(".grip");
  const width = cell * Math.max(h + 1, d) + 6,
    each = pairs ? 2 : 1;
  picture.setAttribute("viewBox", `0 0 ${width} ${bottom + 22}`);
  picture.setAttribute("width", width);
  const parts = [];
  for (let i = 0; i < d - lost && i < h * each; i++) {
    const head = Math.floor(i / each);
    parts.push(shape("path", { d: `M${x(head)} ${top}L${x(i)} ${bottom - 14}`, class: "link" }));
  }
  for (let k = 0; k < h; k++)
    parts.push(shape("circle", { cx: x(k), cy: top, r: 12, class: "head" }));
  for (let i = 0; i < d; i++) {
    const served = i < d - lost;
    parts.push(
      shape("rect", {
        x: x(i) - 14,
        y: bottom - 14,
        width: 28,
        height: 28,
        rx: 4,
        class: served ? "served" : "lost",
      }),
    );
    parts.push(text(served ? "0" : "1", x(i), bottom + 5, served ? "" : "cost"));
  }
  picture.replaceChildren(...parts);
  element.heads = h;
  grip.setAttribute("aria-valuenow", h);
  grip.setAttribute("aria-valuetext", `${h} heads for ${d} coordinates, ${lost} without one`);
  settle(element);
}

const x = (i) => cell * (i + 0.5) + 3;

function settle(element) {
  const picture = element.querySelector("svg"),
    box = picture.getBoundingClientRect(),
    outer = element.getBoundingClientRect();
  const scale = box.width / (picture.viewBox.baseVal.width || 1),
    grip = element.querySelector(".grip");
  grip.style.left = `${box.left - outer.left + scale * x((element.heads ?? 1) - 1)}px`;
  grip.style.top = `${box.top - outer.top + scale * top}px`;
}

function shape(tag, attributes) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

function text(content, at, y, name) {
  const e = shape("text", { x: at, y, "text-anchor": "middle", class: name });
  e.textContent = content;
  return e;
}
