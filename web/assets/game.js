// The game: what comes next? The address keeps which game it is, every guess and the
// round that is looked at; points and sentences come with the answer.

import { onReturn, recall, recallAll, remember } from "./address.js";
import { ask } from "./ask.js";
import { drawing, say, show } from "./board.js";
import { grips } from "./drag.js";
import { land } from "./land.js";

const area = document.getElementById("game"),
  form = area.querySelector("form");
const board = area.querySelector("[data-figure=board]"),
  scores = area.querySelector(".scores");
const rounds = 10,
  reach = 2,
  most = 1000; // points
const which = form.elements.seed;
let guesses = [],
  round = 0,
  note = "",
  pending = null;

// restore takes the game from the address and says what it could not use.
function restore() {
  const notes = [],
    seed = recall("game.seed"),
    asked = recall("game.round");
  const whole = (text, high) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= high;
  const usable = seed === null || whole(seed, Number(which.max));
  which.value = usable && seed !== null ? seed : which.defaultValue;
  if (!usable)
    notes.push(
      `game.seed=${seed} in the address is no game from 1 to ${which.max}: ` +
        `shown is game ${which.value}.`,
    );
  guesses = recallAll("game.guess");
  const wrong = guesses.findIndex((g, i) => i >= rounds || !isGuess(g));
  if (wrong >= 0) {
    notes.push(
      wrong === rounds
        ? `The address has more than ${rounds} guesses: shown are the first.`
        : `game.guess=${guesses[wrong]} in the address is no guess, such as 0.50,-0.87: ` +
            "it and what follows it is not used.",
    );
    guesses = guesses.slice(0, wrong);
  }
  round = 0;
  if (asked !== null && whole(asked, Math.min(rounds, guesses.length + 1))) round = Number(asked);
  else if (asked !== null)
    notes.push(
      `game.round=${asked} in the address has no guess yet: shown is the round that is played.`,
    );
  note = notes.join(" ");
  pending = null;
}

function isGuess(text) {
  const parts = text.split(",");
  return (
    parts.length === 2 &&
    parts.every((p) => /^-?\d{1,3}(\.\d{1,6})?$/.test(p) && Math.abs(Number(p)) <= reach)
  );
}

const playing = () => (round === 0 ? guesses.length < rounds : round > guesses.length);

const refresh = drawing(
  area,
  async () => {
    const q = new URLSearchParams([
      ["seed", which.value],
      ["round", round],
      ...guesses.map((g) => ["guess", g]),
    ]);
    const answer = await ask(`/api/game?${q}`);
    show(area, answer);
    place(answer.handles ?? []);
    tally(answer);
    const open = playing(),
      over = guesses.length === rounds;
    area.dataset.played = guesses.length;
    form.querySelector("[data-guess]").hidden = !open;
    form.querySelector("[data-next]").hidden = open || over;
    form.querySelector("[data-again]").hidden = guesses.length === 0;
  },
  () => note,
);

// place puts the reader's mark over the board: at the last token until it is moved.
function place(handles) {
  const [mine] = handles;
  if (mine && pending) mine.at = pending;
  grips(board, handles, (handle, x, y) => {
    pending = [x, y].map((v) => Math.max(-reach, Math.min(reach, v)));
    place([{ ...handle, at: pending }]);
  });
}

// tally shows the points, and the rounds that can be looked at again.
function tally(answer) {
  for (const bar of scores.querySelectorAll("[data-who]")) {
    const points = answer.numbers[bar.dataset.who];
    bar.querySelector("b").textContent = points;
    bar.querySelector("i").style.width = `${(100 * points) / most}%`;
  }
  const body = area.querySelector("tbody");
  body.replaceChildren(
    ...(answer.table?.rows ?? []).map((cells, k) => {
      const row = document.createElement("tr");
      row.append(
        ...cells.map((text, i) => {
          const cell = document.createElement(i ? "td" : "th");
          if (i) {
            cell.textContent = text;
            cell.className = "n";
            return cell;
          }
          const again = document.createElement("button");
          again.type = "button";
          again.textContent = text;
          again.setAttribute("aria-label", `Look at round ${text} again`);
          again.setAttribute("aria-current", String(answer.numbers.round === k + 1));
          again.addEventListener("click", () => go({ "game.round": k + 1 }));
          cell.scope = "row";
          cell.append(again);
          return cell;
        }),
      );
      return row;
    }),
  );
  area.querySelector(".table").hidden = !answer.table?.rows;
}

// go makes a change of the address and shows it.
function go(changes) {
  remember(changes);
  restore();
  return refresh();
}

function guess() {
  const handle = board.grips?.values().next().value?.handle;
  if (!playing() || !handle) return;
  const text = handle.at.map((v) => v.toFixed(2)).join(",");
  go({ "game.guess": [...guesses, text], "game.round": guesses.length + 1 });
  form.querySelector("[data-next]").hidden = false;
}

board.addEventListener("pick", (e) => {
  const grip = board.grips?.values().next().value;
  if (playing() && grip) grip.move(grip.handle, e.detail.x, e.detail.y);
});
board.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && e.target.classList.contains("grip")) guess();
});
form.addEventListener("submit", (e) => {
  e.preventDefault();
  guess();
});
form.querySelector("[data-next]").addEventListener("click", async () => {
  await go({ "game.round": null });
  if (matchMedia("(max-width: 60rem)").matches) land(area.querySelector(".stage"));
  board.querySelector(".grip")?.focus({ preventScroll: true });
});
form
  .querySelector("[data-again]")
  .addEventListener("click", () => go({ "game.guess": null, "game.round": null }));
form.querySelector("[data-other]").addEventListener("click", () => {
  go({
    "game.seed": (Number(which.value) % Number(which.max)) + 1,
    "game.guess": null,
    "game.round": null,
  });
});
which.addEventListener("change", () => {
  const seed = Math.round(Number(which.value));
  if (!(seed >= 1 && seed <= Number(which.max)))
    return say(area, `There are games 1 to ${which.max}.`, true);
  go({
    "game.seed": seed === Number(which.defaultValue) ? null : seed,
    "game.guess": null,
    "game.round": null,
  });
});
onReturn(() => {
  restore();
  refresh();
});
restore();
refresh();
