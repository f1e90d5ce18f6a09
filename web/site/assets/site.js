// What the page of a site can do by itself: read folders of runs, and be there without a
// network.

import { mount } from "./call.js";

const most = { files: 5000, bytes: 1 << 30 }; // of dropped folders

const area = document.getElementById("runs"), status = document.getElementById("run-status");
const files = new Map(); // by path below the folder of runs

function show(found) {
  for (const { path, file } of found) files.set(path, file);
  const bytes = [...files.values()].reduce((sum, f) => sum + f.size, 0);
  if (files.size > most.files || bytes > most.bytes) {
    for (const { path } of found) files.delete(path);
    status.textContent = `These are too many files for a page (at most ${most.files} of ` +
      "1 GiB together): drop fewer runs.";
    status.classList.add("wrong");
    return;
  }
  mount([...files].map(([path, file]) => ({ path, file })));
}

// below lists the files of a dropped folder.
async function below(entry, path = "") {
  const name = path + entry.name;
  if (entry.isFile)
    return [{ path: name, file: await new Promise((yes, no) => entry.file(yes, no)) }];
  const reader = entry.createReader(), all = [];
  for (;;) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (some.length === 0) return all;
    for (const e of some) all.push(...(await below(e, `${name}/`)));
    if (all.length > most.files) return all;
  }
}

addEventListener("drop", async (e) => {
  const entries = [...e.dataTransfer.items].map((i) => i.webkitGetAsEntry?.());
  const folders = entries.filter((entry) => entry?.isDirectory);
  if (folders.length === 0) return;
  e.preventDefault();
  e.stopImmediatePropagation(); // it is no single file
  document.getElementById("drop")?.classList.remove("over");
  show((await Promise.all(folders.map((f) => below(f)))).flat());
}, { capture: true });

// A folder can be chosen as well.
const label = document.createElement("label"), input = document.createElement("input");
input.type = "file";
input.id = "folder";
input.webkitdirectory = true;
label.htmlFor = input.id;
label.textContent = "A run, or a folder of runs, that icar train has written: choose it, or drop " +
  "it on the page. It stays on this machine.";
input.addEventListener("change", () =>
  show([...input.files].map((file) => ({ path: file.webkitRelativePath, file }))));
const own = document.createElement("div");
own.className = "drop";
own.append(label, input);
status.before(own);

// Once loaded the page is there without a network too. Browsers allow that on https
// and on the machine itself. It waits until the page has computed.
const home = new URL("..", import.meta.url);
const keep = () => navigator.serviceWorker
  ?.register(new URL("sw.js", home), { scope: home.pathname }).catch(() => {});
if (document.readyState === "complete") keep(); else addEventListener("load", keep, { once: true });
area.dataset.site = "";
