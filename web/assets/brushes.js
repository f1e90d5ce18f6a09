// What is kept of a sweep, a group of controls a setting: a box for each of a few values,
// the least and the largest of many.

import { recallAll } from "./address.js";

const few = 8;
let made = "";

const of = (name, key) =>
  recallAll(`sweep.${name}`)
    .filter((w) => w.startsWith(`${key}=`))
    .map((w) => w.slice(key.length + 1));
const others = (name, key) => recallAll(`sweep.${name}`).filter((w) => !w.startsWith(`${key}=`));

// set is the news of what is kept of a setting; all of it is nothing to be said.
function set(name, key, values) {
  return { [`sweep.${name}`]: [...others(name, key), ...values.map((v) => `${key}=${v}`)] };
}

function boxes(setting, changed) {
  return setting.values.map((value) => {
    const label = document.createElement("label"),
      box = document.createElement("input");
    label.className = "tick";
    box.type = "checkbox";
    box.value = value;
    box.name = `keep-${setting.name}`;
    label.append(box, ` ${value}`);
    box.addEventListener("change", () => {
      const on = [...box.closest("fieldset").querySelectorAll("input:checked")].map((b) => b.value);
      const all = on.length === 0 || on.length === setting.values.length;
      changed(set("keep", setting.name, all ? [] : on));
    });
    return label;
  });
}

function ends(setting, changed) {
  return [
    ["from", "from", setting.values[0]],
    ["to", "to", setting.values.at(-1)],
  ].map(([name, title, end]) => {
    const label = document.createElement("label"),
      select = document.createElement("select");
    const word = document.createElement("span");
    word.textContent = title;
    select.name = `${name}-${setting.name}`;
    select.append(...setting.values.map((v) => new Option(v, v)));
    select.dataset.end = end;
    label.append(word, select);
    select.addEventListener("change", () =>
      changed(set(name, setting.name, select.value === end ? [] : [select.value])),
    );
    return label;
  });
}

// brushes makes the controls of a sweep's settings, and sets them to what the address says.
export function brushes(place, settings, changed) {
  const now = JSON.stringify(settings);
  if (now !== made) {
    made = now;
    place.replaceChildren(
      ...settings.map((s) => {
        const group = document.createElement("fieldset"),
          legend = document.createElement("legend");
        legend.textContent = s.name;
        group.className = "brush";
        group.dataset.setting = s.name;
        group.append(
          legend,
          ...(s.values.length > few && s.number ? ends(s, changed) : boxes(s, changed)),
        );
        return group;
      }),
    );
  }
  for (const group of place.children) {
    const key = group.dataset.setting,
      kept = of("keep", key);
    for (const box of group.querySelectorAll("input")) {
      box.checked = kept.length === 0 || kept.includes(box.value);
    }
    for (const select of group.querySelectorAll("select")) {
      const end = of(select.name.split("-")[0], key)[0] ?? select.dataset.end;
      // An address may ask for what no trial has.
      if (![...select.options].some((o) => o.value === end)) select.add(new Option(end, end));
      select.value = end;
    }
  }
}
