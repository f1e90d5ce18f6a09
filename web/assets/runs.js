// Part five: the runs below a folder, live, their curves, and one of them.

import { onReturn, recall, recallAll, remember } from "./address.js";
import { poll } from "./ask.js";
import { draw } from "./board.js";
import { words } from "./call.js";
import { paint } from "./colours.js";
import { land } from "./land.js";
import { asked, onAsk, offer } from "./filter.js";
import { lookAt, lookAgain } from "./run.js";
import { rows } from "./rows.js";
import "./claims.js";
import "./sweeps.js";

const most = 6; // runs in one figure
const area = document.getElementById("runs"),
  smooth = document.getElementById("run-curves");
const status = document.getElementById("run-status");
let chosen = recallAll("runs.run"),
  looked = recall("inside.run");
let connection = new AbortController(),
  note = "";

const choose = (path, shown) => {
  const next = shown ? [...chosen, path] : chosen.filter((p) => p !== path);
  note = next.length > most ? ` ${next[0]} is no longer shown: ${most} runs are, at most.` : "";
  chosen = next.slice(-most);
  remember({ "runs.run": chosen });
  connect();
};
const open = (path) => {
  looked = path;
  remember({ "inside.run": looked });
  lookAt(looked);
  const page = document.getElementById("run");
  land(page);
  page.querySelector("h3").focus({ preventScroll: true });
};
const tell = (data) => {
  const all = data.total === 1 ? "1 run" : `${data.total} runs`;
  if (data.total === 0) return words.none;
  if (data.runs.length === 0) return `None of ${all} is like that: List all shows them.`;
  return (
    (data.runs.length < data.total ? `${data.runs.length} of ${all}` : all) +
    `${words.live}.${note}`
  );
};
const update = (data) => {
  const colours = paint(data, chosen);
  rows(data.runs, { chosen, colours, choose, open });
  offer(data.settings);
  smooth.hidden = chosen.length === 0;
  for (const place of area.querySelectorAll(":scope > .pair > [data-figure]")) {
    draw(
      place,
      data.figures?.find((f) => f.name === place.dataset.figure),
    );
  }
  status.classList.remove("wrong");
  const said = tell(data); // said again only when they are others
  if (status.textContent !== said) status.textContent = said;
  area.dataset.updates = Number(area.dataset.updates ?? 0) + 1;
  lookAgain();
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
      const query = asked();
      for (const p of chosen) query.append("run", p);
      const news = await poll(`/api/runs?${query}`, tag, mine.signal);
      if (mine.signal.aborted) return;
      tag = news.tag;
      if (news.answer) update(news.answer);
    } catch (error) {
      wrong = error.status ? error.message : words.silent;
      if (error.status === 404) {
        chosen = [];
        remember({ "runs.run": chosen }, true);
      }
    }
    if (mine.signal.aborted) return;
    if (wrong) {
      tag = "";
      status.textContent = wrong;
      status.classList.add("wrong");
    }
    await new Promise((resolve) => setTimeout(resolve, wrong ? 1000 : 500));
    if (document.hidden)
      await new Promise((resolve) =>
        document.addEventListener("visibilitychange", resolve, { once: true }),
      );
  }
};
onAsk(connect);
onReturn(() => {
  const [before, inner] = [chosen.join("\n"), looked];
  [chosen, looked] = [recallAll("runs.run"), recall("inside.run")];
  if (chosen.join("\n") !== before) connect();
  if (looked !== inner) lookAt(looked);
});
lookAt(looked);
connect();
