// Files that a reader drops on the page.

import { ask, reason } from "./ask.js";
import { say, show } from "./board.js";

const drop = document.getElementById("drop"), input = document.getElementById("file");
const kinds = { npy: "sequence", safetensors: "model" };
const send = async (file) => {
  const kind = kinds[file.name.split(".").at(-1)];
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
addEventListener("dragover", (e) => {
  e.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", () => drop.classList.remove("over"));
addEventListener("drop", (e) => {
  e.preventDefault();
  drop.classList.remove("over");
  if (e.dataTransfer.files[0]) send(e.dataTransfer.files[0]);
});
