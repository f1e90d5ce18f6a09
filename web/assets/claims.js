// The claims of the last icar reproduce.

import { ask } from "./ask.js";
import { brief, cell } from "./rows.js";

const list = document.getElementById("claim-list"); // not there without a server
let told = ""; // the claims that are shown

async function claims() {
  const all = await ask("/api/claims").catch(() => null);
  if (all === null || JSON.stringify(all) === told) return;
  told = JSON.stringify(all);
  const rows = all.map((c) => {
    const tr = document.createElement("tr");
    tr.append(
      cell(c.pass ? "✓ holds" : "✗ fails"),
      cell(c.statement),
      cell(brief(c.measured), "n"),
      cell(brief(c.predicted), "n"),
    );
    return tr;
  });
  if (rows.length === 0) {
    const none = cell("None yet: icar reproduce writes them, icar serve --out names their folder.");
    none.colSpan = 4;
    rows.push(none);
  }
  list.replaceChildren(...rows);
}

if (list) {
  claims();
  setInterval(() => document.hidden || claims(), 5000);
}
