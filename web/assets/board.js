// What a part shows: figures, facts, a line of words, drawn from the answer to a form.

import { onReturn, recallAll, remember } from "./address.js";
import { ask, busy, latestOnly, pause, reason } from "./ask.js";
import { words } from "./call.js";
import { changed, query, restore, setTogether } from "./controls.js";
import { dragged, grips } from "./drag.js";
import { mount, typeset } from "./figure.js";
import { visible } from "./visible.js";

// Where a picture stays in view above its controls, it leaves room for them.
const stuck = matchMedia("(max-width: 59.99rem) and (min-height: 37rem)");

export function say(area, text, wrong = false) {
  const status = area.querySelector(".status");
  typeset(status, visible(text));
  status.classList.toggle("wrong", wrong);
}

// draw shows a figure in its place, or nothing. Which curves a reader has
// switched off is part of the address: part.hide=figure:panel/curve.
export function draw(place, figure) {
  place.hidden = !figure;
  if (!figure) return;
  const part = place.closest("[data-part], section, .drop").id,
    name = `${part}.hide`,
    own = `${figure.name}:`;
  if (!place.icar)
    place.addEventListener("hide", (e) => {
      remember({
        [name]: [
          ...recallAll(name).filter((v) => !v.startsWith(own)),
          ...e.detail.map((key) => own + key),
        ],
      });
    });
  place.tallest = () =>
    stuck.matches && place.closest(".stage") ? Math.max(240, 0.4 * innerHeight) : 440;
  place.shown = () =>
    mount(
      place,
      figure,
      recallAll(name)
        .filter((v) => v.startsWith(own))
        .map((v) => v.slice(own.length)),
    );
  place.shown();
}

// The curves that the reader has switched off come back with Back.
onReturn(() => {
  for (const place of document.querySelectorAll("[data-figure]:not([hidden])")) place.shown?.();
});

export function show(area, answer) {
  const own = (place) => place.closest("[data-part], section, .drop") === area;
  for (const place of [...area.querySelectorAll("[data-figure]")].filter(own)) {
    draw(
      place,
      answer.figures?.find((f) => f.name === place.dataset.figure),
    );
  }
  for (const place of area.querySelectorAll("[data-says]")) {
    const words = answer.words?.[place.dataset.says] ?? "";
    place.hidden = !words;
    if (place.spoken !== words) typeset(place, words); // what is the same is not said again
    place.spoken = words;
  }
  const list = area.querySelector("dl");
  if (list)
    list.replaceChildren(
      ...(answer.facts ?? []).flatMap((f) => {
        const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
        typeset(dt, f.label);
        typeset(dd, f.value);
        return [dt, dd];
      }),
    );
}

// drawing returns what draws an area anew, from what picture() fetches, and says what
// note() has to say.
export function drawing(area, picture, note) {
  return latestOnly(async () => {
    try {
      for (let drawn = false; !drawn;) {
        try {
          await picture();
          drawn = true;
        } catch (error) {
          if (error.status !== busy) throw error;
          say(area, words.busy);
          await new Promise((done) => setTimeout(done, pause));
        }
      }
      say(area, note());
    } catch (error) {
      say(area, reason(error), true);
    }
    area.dataset.drawn = Number(area.dataset.drawn ?? 0) + 1;
  });
}

// gripped puts the handles of an answer over the figures of an area; what is dragged
// moves the controls of a form.
export function gripped(area, answer, asked, part, form) {
  for (const place of area.querySelectorAll("[data-figure]")) {
    const own = (answer.handles ?? []).filter((h) => h.figure === place.dataset.figure);
    if (own.length || place.grips)
      grips(place, own, (handle, x, y) =>
        setTogether(part, form, dragged(form, handle, asked, x, y)),
      );
  }
}

// pictured keeps an area the picture of its form, and returns what draws it anew.
export function pictured(area, more = () => ({})) {
  const part = area.dataset.part,
    form = area.querySelector("form");
  let note = restore(part, form);
  const refresh = drawing(
    area,
    async () => {
      const q = query(form);
      for (const [name, value] of Object.entries(more())) q.set(name, value);
      const answer = await ask(`/api/${part}?${q}`);
      show(area, answer);
      gripped(area, answer, q, part, form);
    },
    () => note,
  );
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("input", (e) => {
    note = changed(part, form, e.target);
    refresh();
  });
  onReturn(() => {
    const before = query(form).toString();
    note = restore(part, form);
    if (area.dataset.drawn && query(form).toString() !== before) refresh();
  });
  return refresh;
}
