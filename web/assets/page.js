// The page: reads its controls, asks the server, hands the answer to the
// figures, and keeps its state in the address.

import { onReturn, recall, recallAll, remember } from "./address.js";
import { mount, palette } from "./figure.js";
import { land } from "./land.js";
import { parse, visible } from "./visible.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

// --- controls ---

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
function restore(part, form) {
  const notes = [];
  if (form.elements.d) form.elements.d.step = 1; // agree makes it fit the family
  for (const c of controls(form)) {
    const value = recall(`${part}.${c.name}`), listed = c.tagName === "SELECT" && [...c.options].some((o) => o.value === value);
    const usable = c.tagName === "SELECT" ? listed : Number.isFinite(parseFloat(value));
    c.value = usable ? value : first(c);
    if (value !== null && (!usable || (c.tagName !== "SELECT" && Number(c.value) !== Number(value)))) {
      notes.push(`${part}.${c.name}=${value} in the address is not to be had: shown is ${c.value}.`);
    }
  }
  notes.push(agree(part, form, "d"));
  for (const c of controls(form)) echo(c);
  return notes.filter(Boolean).join(" ");
}

// needed says for some controls for which values of the others they do anything;
// the others are hidden.
const space = (v) => v.d === "3" && v.family !== "rotation" && v.family !== "unitary";
const needed = {
  process: { gz: space, turn: space, lift: space, phi: (v) => v.family === "unitary" || space(v) },
};

// agree makes d and the family fit each other, whichever of them was changed, and
// returns what it did. In the first part rotation and unitary have d = 2; elsewhere
// rotation has an even d.
function agree(part, form, changed) {
  const { family, d } = form.elements;
  let note = "";
  if (part === "process" && d.value === "3" && (family.value === "rotation" || family.value === "unitary")) {
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
    if (Number(before) % d.step) d.value = Math.min(Number(before) + 1, Number(d.max) - (Number(d.max) % 2));
    if (d.value !== before) note = `Rotation turns pairs of coordinates: d is ${d.value} now.`;
  }
  const values = Object.fromEntries(controls(form).map((c) => [c.name, c.value]));
  for (const [name, when] of Object.entries(needed[part] ?? {})) form.elements[name].labels[0].hidden = !when(values);
  return note;
}

// changed takes over what a reader did to a control and returns what else that
// changed.
function changed(part, form, control) {
  const before = new Map(controls(form).map((c) => [c, c === control ? null : c.value]));
  const note = agree(part, form, control.name), news = {};
  for (const c of [control, ...controls(form)]) {
    if (c.value === before.get(c)) continue;
    echo(c);
    news[`${part}.${c.name}`] = c.value === first(c) ? null : c.value;
  }
  remember(news);
  return note;
}

function query(form) {
  return new URLSearchParams(controls(form).map((c) => [c.name, c.value]));
}

// --- answers ---

function say(area, text, wrong = false) {
  const status = area.querySelector(".status");
  status.textContent = visible(text);
  status.classList.toggle("wrong", wrong);
}

// draw shows a figure in its place, or nothing. Which curves a reader has
// switched off is part of the address: part.hide=figure:panel/curve.
function draw(place, figure) {
  place.hidden = !figure;
  if (!figure) return;
  const part = place.closest("[data-part], section, .drop").id, name = `${part}.hide`, own = `${figure.name}:`;
  if (!place.icar) place.addEventListener("hide", (e) => {
    remember({ [name]: [...recallAll(name).filter((v) => !v.startsWith(own)), ...e.detail.map((key) => own + key)] });
  });
  place.shown = () => mount(place, figure, recallAll(name).filter((v) => v.startsWith(own)).map((v) => v.slice(own.length)));
  place.shown();
}

// The curves that the reader has switched off come back with Back.
onReturn(() => {
  for (const place of document.querySelectorAll("[data-figure]:not([hidden])")) place.shown?.();
});

function show(area, answer) {
  for (const place of area.querySelectorAll("[data-figure]")) {
    if (place.closest("[data-part], section, .drop") !== area) continue;
    draw(place, answer.figures?.find((f) => f.name === place.dataset.figure));
  }
  const list = area.querySelector("dl");
  if (list) list.replaceChildren(...(answer.facts ?? []).flatMap((f) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = f.label;
    dd.textContent = f.value;
    return [dt, dd];
  }));
}

// refusal is what the server said no with, and how.
async function refusal(response) {
  const error = new Error(parse(await response.text()).error);
  error.status = response.status;
  return error;
}

async function ask(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw await refusal(response);
  return parse(await response.text());
}

const busy = 429, pause = 1000; // status; milliseconds, as the server's Retry-After

function reason(error) {
  return error instanceof TypeError ? "The server does not answer. Is icar serve running?" : error.message;
}

// latestOnly runs ask-and-show one at a time; of the wishes that come in the
// meantime only the last is done.
function latestOnly(work) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    do { again = false; await work(); } while (again);
    running = false;
  };
}

// --- parts one, two and four, and the inside of a run: a picture of a form ---

function pictured(area, more = () => ({})) {
  const part = area.dataset.part, form = area.querySelector("form");
  let note = restore(part, form);
  const picture = async () => {
    const q = query(form);
    for (const [name, value] of Object.entries(more())) q.set(name, value);
    show(area, await ask(`/api/${part}?${q}`));
  };
  const refresh = latestOnly(async () => {
    try {
      for (let drawn = false; !drawn;) {
        try {
          await picture();
          drawn = true;
        } catch (error) {
          if (error.status !== busy) throw error;
          say(area, "The server is busy with other pictures; this one is asked for again.");
          await new Promise((done) => setTimeout(done, pause));
        }
      }
      say(area, note);
    } catch (error) {
      say(area, reason(error), true);
    }
    area.dataset.drawn = Number(area.dataset.drawn ?? 0) + 1;
  });
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

function set(control, value) {
  control.value = value;
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

// play lets a slider run from its start; where motion is not wanted a press is
// one step.
function play(button) {
  const slider = button.form.elements[button.dataset.play];
  let timer = 0;
  button.addEventListener("click", () => {
    const step = () => set(slider, Number(slider.value) >= Number(slider.max) ? slider.min : Number(slider.value) + 1);
    if (still.matches) return step();
    if (timer) { clearInterval(timer); timer = 0; return; }
    set(slider, slider.min);
    timer = setInterval(() => {
      step();
      if (slider.value === slider.max) { clearInterval(timer); timer = 0; }
    }, 450);
  });
}

for (const part of ["process", "step", "position"]) {
  const area = document.getElementById(part), refresh = pictured(area);
  for (const b of area.querySelectorAll("[data-play]")) play(b);
  for (const place of area.querySelectorAll("[data-pick]")) {
    const [x, y] = place.dataset.pick.split(" ").map((n) => area.querySelector("form").elements[n]);
    place.addEventListener("pick", (e) => {
      if (area.querySelector("form").elements.d.value !== "2") return; // a click has no depth
      set(x, e.detail.x.toFixed(2));
      set(y, e.detail.y.toFixed(2));
    });
  }
  // What is far down is asked for when it comes near.
  new IntersectionObserver((seen, observer) => {
    if (seen.some((s) => s.isIntersecting)) { observer.disconnect(); refresh(); }
  }, { rootMargin: "600px" }).observe(area);
}

// --- events of the server ---

// listen reads server-sent events until they end.
async function listen(url, signal, handle) {
  const response = await fetch(url, { signal, headers: { Accept: "text/event-stream" } });
  if (!response.ok) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += value;
    for (let end; (end = buffer.indexOf("\n\n")) >= 0; buffer = buffer.slice(end + 2)) {
      const [, name, data] = buffer.slice(0, end).match(/^event: (.*)\ndata: (.*)$/);
      handle(name, parse(data));
    }
  }
}

// --- part three: training, live ---

{
  const area = document.getElementById("heads"), form = area.querySelector("form");
  let note = restore("heads", form), training = new AbortController();
  const train = async () => {
    training.abort();
    const mine = (training = new AbortController());
    say(area, `${note} Training.`.trim());
    area.dataset.state = "training";
    let shown = 0;
    try {
      await listen(`/api/heads?${query(form)}`, mine.signal, (name, data) => {
        if (name === "frame") {
          show(area, data);
          area.dataset.frames = ++shown;
          area.dataset.loss = data.loss;
          area.dataset.minimum = data.minimum;
          say(area, `${note} ${still.matches ? "Training." : `Iteration ${data.iteration} of ${data.iterations}.`}`.trim());
        } else if (name === "failed") throw new Error(data.error);
        else { area.dataset.state = "done"; say(area, `${note} Done after ${shown} pictures.`.trim()); }
      });
      if (area.dataset.state !== "done") throw new Error("The server stopped before the training was done: press Train again.");
    } catch (error) {
      if (mine.signal.aborted) return;
      area.dataset.state = "failed";
      say(area, reason(error), true);
    }
  };
  form.addEventListener("submit", (e) => { e.preventDefault(); train(); });
  area.querySelector("[data-stop]").addEventListener("click", () => { training.abort(); say(area, "Stopped."); area.dataset.state = "stopped"; });
  form.addEventListener("input", (e) => {
    note = changed("heads", form, e.target);
    if (area.dataset.state) train();
  });
  onReturn(() => {
    const before = query(form).toString();
    note = restore("heads", form);
    if (area.dataset.state && query(form).toString() !== before) train();
  });
  for (const place of area.querySelectorAll("[data-figure]")) place.hidden = true;
  if (!still.matches) new IntersectionObserver((seen, observer) => {
    if (seen.some((s) => s.isIntersecting)) { observer.disconnect(); if (!area.dataset.state) train(); }
  }).observe(area);
}

// --- part five: runs ---

{
  const area = document.getElementById("runs"), list = document.getElementById("run-list"), inside = document.getElementById("inside");
  let chosen = recallAll("runs.run"), looked = recall("inside.run"), connection = new AbortController();
  const look = pictured(inside, () => ({ run: looked }));
  let seen = null; // how far the run was when it was last looked into
  const peer = () => {
    seen = null;
    inside.hidden = !looked;
    document.getElementById("inside-name").textContent = visible(looked ?? "");
    if (looked) look();
  };
  const cell = (content, className) => {
    const td = document.createElement("td");
    td.append(content);
    if (className) td.className = className;
    return td;
  };
  const brief = (x) => (x === null || x === undefined ? "" : Number(x.toPrecision(4)));
  const row = (run) => {
    const tr = document.createElement("tr"), box = document.createElement("input"), open = document.createElement("button");
    box.type = "checkbox";
    box.checked = chosen.includes(run.path);
    box.disabled = run.state === "damaged";
    box.setAttribute("aria-label", `show ${run.path}`);
    box.addEventListener("change", () => {
      chosen = box.checked ? [...chosen, run.path].slice(-6) : chosen.filter((p) => p !== run.path);
      remember({ "runs.run": chosen });
      connect();
    });
    open.textContent = "look";
    open.type = "button";
    open.disabled = run.state === "damaged";
    open.setAttribute("aria-label", `look inside ${run.path}`);
    open.addEventListener("click", () => {
      looked = run.path;
      remember({ "inside.run": looked });
      peer();
      land(inside);
      inside.querySelector("h3").focus({ preventScroll: true });
    });
    tr.append(cell(box), cell(run.path), cell(run.error ? `${run.state}: ${run.error}` : run.state), cell(`${run.step}/${run.steps}`, "n"), cell(brief(run.loss), "n"), cell(brief(run.test_mse), "n"), cell(open));
    return tr;
  };
  // paint gives the curves of a run the colour of its number, or the next that no
  // older run on show has: whatever else is on show and since when.
  const paint = (data) => {
    const colours = new Map();
    for (const r of data.runs.filter((r) => chosen.includes(r.path)).sort((a, b) => a.number - b.number)) {
      let n = r.number % palette;
      while ([...colours.values()].includes(n)) n = (n + 1) % palette;
      colours.set(r.path, n);
    }
    const runOf = (label) => (colours.has(label) ? label : label.replace(/, test$/, ""));
    for (const f of data.figures ?? []) for (const p of f.panels) for (const s of p.series) s.colour = colours.get(runOf(s.label));
  };
  const update = (data) => {
    const focused = [...list.querySelectorAll("input, button")].indexOf(document.activeElement);
    list.replaceChildren(...data.runs.map(row));
    paint(data);
    if (focused >= 0) list.querySelectorAll("input, button")[focused]?.focus({ preventScroll: true });
    for (const place of area.querySelectorAll(":scope > .pair > [data-figure]")) {
      draw(place, data.figures?.find((f) => f.name === place.dataset.figure));
    }
    const status = document.getElementById("run-status");
    status.classList.remove("wrong");
    status.textContent = data.runs.length ? `${data.runs.length === 1 ? "1 run" : data.runs.length + " runs"}, live.` : "No runs yet: icar train writes one.";
    area.dataset.updates = Number(area.dataset.updates ?? 0) + 1;
    const now = data.runs.find((r) => r.path === looked), far = now && `${now.state} ${now.step}`;
    if (far && far !== seen) { // the model inside has changed
      if (seen !== null) look();
      seen = far;
    }
  };
  // connect asks for the runs again and again, as long as somebody looks. No
  // connection is held: a browser has six for all the pages of a server.
  const connect = async () => {
    connection.abort();
    const mine = (connection = new AbortController());
    let tag = ""; // of what is shown
    while (!mine.signal.aborted) {
      let wrong = "";
      try {
        const q = new URLSearchParams(chosen.map((p) => ["run", p]));
        const response = await fetch(`/api/runs?${q}`, { signal: mine.signal, headers: tag ? { "If-None-Match": tag } : {} });
        if (response.ok) {
          const data = parse(await response.text());
          if (mine.signal.aborted) return;
          tag = response.headers.get("ETag");
          update(data);
        } else if (response.status !== 304) {
          wrong = (parse(await response.text())).error;
          if (response.status === 404) { chosen = []; remember({ "runs.run": chosen }, true); }
        }
      } catch {
        wrong = "The server does not answer; trying again.";
      }
      if (mine.signal.aborted) return;
      if (wrong) {
        tag = "";
        const status = document.getElementById("run-status");
        status.textContent = wrong;
        status.classList.add("wrong");
      }
      await new Promise((resolve) => setTimeout(resolve, wrong ? 1000 : 500));
      if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
  };
  onReturn(() => {
    const [before, inner] = [chosen.join("\n"), looked];
    [chosen, looked] = [recallAll("runs.run"), recall("inside.run")];
    if (chosen.join("\n") !== before) connect();
    if (looked !== inner) peer();
  });
  let told = ""; // the claims that are shown
  const claims = async () => {
    const all = await ask("/api/claims").catch(() => null);
    if (all === null || JSON.stringify(all) === told) return;
    told = JSON.stringify(all);
    const rows = all.map((c) => {
      const tr = document.createElement("tr");
      tr.append(cell(c.pass ? "✓ holds" : "✗ fails"), cell(c.statement), cell(brief(c.measured), "n"), cell(brief(c.predicted), "n"));
      return tr;
    });
    if (rows.length === 0) {
      const none = cell("None yet: icar reproduce writes them, icar serve --out names their folder.");
      none.colSpan = 4;
      rows.push(none);
    }
    document.getElementById("claim-list").replaceChildren(...rows);
  };
  peer();
  connect();
  claims();
  setInterval(() => document.hidden || claims(), 5000);
}

// --- files ---

{
  const drop = document.getElementById("drop"), input = document.getElementById("file");
  const send = async (file) => {
    const kind = file.name.endsWith(".npy") ? "sequence" : file.name.endsWith(".safetensors") ? "model" : "";
    if (!kind) return say(drop, `${file.name} is neither .npy nor .safetensors.`, true);
    say(drop, "Reading.");
    try {
      show(drop, await ask(`/api/${kind}`, { method: "POST", body: file }));
      say(drop, file.name);
    } catch (error) {
      show(drop, {});
      say(drop, reason(error), true);
    }
  };
  input.addEventListener("change", () => input.files[0] && send(input.files[0]));
  addEventListener("dragover", (e) => { e.preventDefault(); drop.classList.add("over"); });
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (e) => { e.preventDefault(); drop.classList.remove("over"); if (e.dataTransfer.files[0]) send(e.dataTransfer.files[0]); });
}
