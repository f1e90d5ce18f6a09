// The colours of runs: a run keeps its own, whatever else is on show.

import { palette } from "./figure.js";

const neutral = 6; // that of what belongs to no run
const worn = new Map(); // by path, as long as the page is open

// inks gives each run on show the colour it had, or that of its number, or the next that
// nobody wears: who is on show first keeps his.
function inks(numbers, chosen) {
  const taken = new Map([["", neutral]]);
  for (const path of chosen) {
    const free = (n) => ![...taken.values()].includes(n);
    let n = (numbers[path] ?? 0) % palette;
    if (worn.has(path) && free(worn.get(path))) n = worn.get(path);
    while (!free(n)) n = (n + 1) % palette;
    taken.set(path, n);
    worn.set(path, n);
  }
  taken.delete("");
  return taken;
}

// paint colours the curves of an answer and returns the colours of the runs. A label is
// the run's path, that with what is drawn of it, or a floor and whose it is.
export function paint(data, chosen) {
  const colours = inks(data.numbers, chosen);
  const of = (label) =>
    [...colours.keys()]
      .filter(
        (p) =>
          label === p ||
          label.startsWith(`${p}, `) ||
          label.endsWith(` of ${p}`) ||
          label.endsWith(` of ${p}, mean`),
      )
      .sort((a, b) => b.length - a.length)[0];
  for (const f of data.figures ?? [])
    for (const p of f.panels)
      for (const s of p.series) {
        s.colour = colours.get(of(s.label)) ?? neutral;
      }
  return colours;
}
