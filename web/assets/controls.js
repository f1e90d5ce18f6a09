// The controls of a part: what the address says of them, and what they ask for.

import { recall, remember } from "./address.js";

export const still = matchMedia("(prefers-reduced-motion: reduce)");

function controls(form) {
  return [...form.querySelectorAll("input[name], select[name]")];
}

function first(control) {
  return control.tagName === "SELECT" ? control.options[0].value : control.defaultValue;
}

function echo(control) {
  const output = control.labels[0]?.querySelector("output");
  if (output) output.textContent = control.value;
}

// restore sets the controls of a part to what the address says and returns what
// it had to change: a value that a control does not take is said and not used.
export function restore(part, form) {
  const notes = [];
  if (form.elements.d) form.elements.d.step = 1; // agree makes it fit the family
  for (const c of controls(form)) {
    const value = recall(`${part}.${c.name}`),
      listed = c.tagName === "SELECT" && [...c.options].some((o) => o.value === value);
    const usable = c.tagName === "SELECT" ? listed : Number.isFinite(parseFloat(value));
    c.value = usable ? value : first(c);
    if (
      value !== null &&
      (!usable || (c.tagName !== "SELECT" && Number(c.value) !== Number(value)))
    ) {
      notes.push(
        `${part}.${c.name}=${value} in the address is not to be had: shown is ${c.value}.`,
      );
    }
  }
  notes.push(agree(part, form, "d"));
  for (const c of controls(form)) {
    echo(c);
    if (c.value !== first(c)) c.closest("details")?.setAttribute("open", "");
  }
  return notes.filter(Boolean).join(" ");
}

// needed says for some controls for which values of the others they do anything;
// the others are hidden.
const space = (v) => v.d === "3" && v.family !== "rotation" && v.family !== "unitary";
const needed = {
  process: {
    gz: space,
    turn: space,
    lift: space,
    phi: (v) => v.family === "unitary" || space(v),
    start: (v) => !space(v),
    size: (v) => !space(v),
  },
};

// agree makes d and the family fit each other, whichever of them was changed, and
// returns what it did. In the first part rotation and unitary have d = 2; elsewhere
// rotation has an even d.
function agree(part, form, changed) {
  const { family, d } = form.elements;
  let note = "";
  if (
    part === "process" &&
    d.value === "3" &&
    (family.value === "rotation" || family.value === "unitary")
  ) {
    if (changed === "d") {
      note = `${family.value} has d = 2 here: the family is so now.`;
      family.value = "so";
    } else {
      note = `${family.value} has d = 2 here: d is 2 now.`;
      d.value = "2";
    }
  } else if (family && part !== "process") {
    const before = d.value;
    d.step = family.value === "rotation" ? 2 : 1; // from 2 on
    if (Number(before) % d.step)
      d.value = Math.min(Number(before) + 1, Number(d.max) - (Number(d.max) % 2));
    if (d.value !== before) note = `Rotation turns pairs of coordinates: d is ${d.value} now.`;
  }
  const values = Object.fromEntries(controls(form).map((c) => [c.name, c.value]));
  for (const [name, when] of Object.entries(needed[part] ?? {}))
    form.elements[name].closest(".control").hidden = !when(values);
  return note;
}

// changed takes over what a reader did to a control and returns what else that
// changed.
export function changed(part, form, control) {
  const before = new Map(controls(form).map((c) => [c, c === control ? null : c.value]));
  const note = agree(part, form, control.name),
    news = {};
  for (const c of [control, ...controls(form)]) {
    if (c.value === before.get(c)) continue;
    echo(c);
    news[`${part}.${c.name}`] = c.value === first(c) ? null : c.value;
  }
  remember(news);
  return note;
}

export function query(form) {
  return new URLSearchParams(controls(form).map((c) => [c.name, c.value]));
}

// set moves a control as a reader would.
export function set(control, value) {
  control.value = value;
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

// setTogether moves several controls of a form as a reader would, in one go.
export function setTogether(part, form, values) {
  const news = {};
  for (const [name, value] of Object.entries(values)) {
    const c = form.elements[name];
    c.value = value;
    echo(c);
    news[`${part}.${name}`] = c.value === first(c) ? null : c.value;
  }
  remember(news);
  form.dispatchEvent(new Event("input"));
}

// play lets a slider run from its start; where motion is not wanted a press is
// one step.
export function play(button) {
  const slider = button.form.elements[button.dataset.play];
  let timer = 0;
  button.addEventListener("click", () => {
    const step = () =>
      set(
        slider,
        Number(slider.value) >= Number(slider.max) ? slider.min : Number(slider.value) + 1,
      );
    if (still.matches) return step();
    if (timer) {
      clearInterval(timer);
      timer = 0;
      return;
    }
    set(slider, slider.min);
    timer = setInterval(() => {
      step();
      if (slider.value === slider.max) {
        clearInterval(timer);
        timer = 0;
      }
    }, 450);
  });
}
