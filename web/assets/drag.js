// Grips: points of a plane that are dragged, with a pointer or with the arrow keys. A
// grip lies over its figure, since what is inside of a picture has no name.

import { placeOn, typeset } from "./figure.js";

const turn = 0.05,
  stretch = 1.03,
  shift = 0.05; // of one key

// grips puts handles of the server over a figure. move(handle, x, y) is told where a
// reader wants one to be.
export function grips(place, handles, move) {
  if (!place.grips) {
    place.grips = new Map();
    place.addEventListener("drawn", () => settle(place));
  }
  for (const [name, grip] of place.grips) {
    if (handles.some((h) => h.name === name)) continue;
    grip.remove();
    place.grips.delete(name);
  }
  for (const handle of handles) {
    if (!place.grips.has(handle.name)) place.grips.set(handle.name, added(place, handle));
    const grip = place.grips.get(handle.name),
      [x, y] = handle.at;
    grip.handle = handle;
    grip.move = move;
    grip.setAttribute(
      "aria-label",
      `${handle.name.replace("_", " ")}: ${handle.means}. Arrow keys move it.`,
    );
    grip.setAttribute("aria-valuenow", Math.round((Math.atan2(y, x) * 180) / Math.PI));
    grip.setAttribute("aria-valuetext", `${x.toFixed(2)}, ${y.toFixed(2)}`);
  }
  settle(place);
}

// added makes a grip.
function added(place, handle) {
  const grip = document.createElement("div"),
    name = document.createElement("span");
  grip.className = "grip";
  grip.tabIndex = 0;
  for (const [k, v] of [
    ["role", "slider"],
    ["aria-valuemin", -180],
    ["aria-valuemax", 180],
  ])
    grip.setAttribute(k, v);
  typeset(name, handle.name);
  grip.append(name);
  place.append(grip);
  grip.addEventListener("pointerdown", (e) => {
    grip.setPointerCapture(e.pointerId);
    grip.focus({ preventScroll: true });
    e.preventDefault();
  });
  grip.addEventListener("pointermove", (e) => {
    if (grip.hasPointerCapture(e.pointerId)) grip.move(grip.handle, ...placeOn(place).from(e));
  });
  grip.addEventListener("keydown", (e) => {
    const to = next(grip.handle, e.key, e.shiftKey ? 0.2 : 1);
    if (!to) return;
    e.preventDefault();
    grip.move(grip.handle, ...to);
  });
  return grip;
}

// next is where a key takes a handle: about the centre, or along the axes.
function next(handle, key, fine) {
  const [x, y] = handle.at,
    way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key];
  if (!way) return null;
  if (handle.x) return [x + shift * fine * way[0], y + shift * fine * way[1]];
  const a = -turn * fine * way[0],
    r = stretch ** (fine * way[1]);
  return [r * (Math.cos(a) * x - Math.sin(a) * y), r * (Math.sin(a) * x + Math.cos(a) * y)];
}

// settle puts the grips where their points are drawn.
function settle(place) {
  if (place.hidden || !place.querySelector(".panel > svg")) return;
  const outer = place.getBoundingClientRect(),
    { at } = placeOn(place);
  for (const grip of place.grips.values()) {
    const [x, y] = at(...grip.handle.at);
    grip.style.left = `${x - outer.left}px`;
    grip.style.top = `${y - outer.top}px`;
  }
}

// dragged gives the controls of a form the values that put a handle at a place. The
// handle was drawn for the values of a question, asked.
export function dragged(form, handle, asked, x, y) {
  const bounded = (name, v) => {
    const c = form.elements[name];
    return Math.max(Number(c.min), Math.min(Number(c.max), v)).toFixed(2);
  };
  if (handle.x) return { [handle.x]: bounded(handle.x, x), [handle.y]: bounded(handle.y, y) };
  const [hx, hy] = handle.at,
    c = form.elements[handle.angle],
    whole = 2 * Math.PI;
  let angle = Number(asked.get(handle.angle)) + Math.atan2(y, x) - Math.atan2(hy, hx);
  while (angle < Number(c.min) - 0.01) angle += whole;
  while (angle > Number(c.max) + 0.01) angle -= whole;
  const size =
    (Number(asked.get(handle.length)) * Math.hypot(x, y)) / Math.max(1e-9, Math.hypot(hx, hy));
  return {
    [handle.angle]: bounded(handle.angle, angle),
    [handle.length]: bounded(handle.length, size),
  };
}
