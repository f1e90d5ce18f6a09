// Who answers the page of a site: workers beside it, which compute what icar serve would.
// One answers in pieces, so that a training keeps nobody waiting for a picture; it is
// begun when it is first asked.

const home = new URL("..", import.meta.url); // the folder of the site

export const silence = "The part of this page that computes does not answer: load the page again.";

// What the page says of who answers it.
export const words = {
  none: "No runs yet: choose a folder of them above, or drop it on the page.",
  live: "", // files that were dropped are as they were then
  ended: "The training ended before it was done: press Train again.",
  busy: "Other pictures are being computed; this one comes after them.",
  silent: silence,
};

// refused is an error that has the status of a server which is not there.
const refused = (text) => Object.assign(new Error(text), { status: 503 });

const lacking = () =>
  ["WebAssembly", "DecompressionStream"].find((name) => !globalThis[name]) ?? "";

function begin() {
  const open = new Map(); // what was asked and is not answered yet, by number
  let asked = 0, dead = null;
  const worker = new Worker(new URL("worker.js", home));
  const die = (text) => {
    dead = refused(text);
    for (const question of open.values()) question.fail(dead);
    open.clear();
  };
  worker.addEventListener("error", () => die(silence));
  worker.addEventListener("message", ({ data }) => {
    if (data.dead) return die(data.dead);
    open.get(data.id)?.hear(data);
  });
  const ask = (question, signal) => new Promise((resolve, reject) => {
    if (dead) return reject(dead);
    if (signal?.aborted) return reject(signal.reason);
    const id = ++asked, encoder = new TextEncoder();
    let pieces = null; // the controller of the stream of an answer in pieces
    const end = () => { open.delete(id); signal?.removeEventListener("abort", leave); };
    const fail = (error) => { end(); (pieces ? (e) => pieces.error(e) : reject)(error); };
    const leave = () => { worker.postMessage({ id, leave: true }); fail(signal.reason); };
    const hear = ({ status, name, document }) => {
      if (status) {
        end();
        // A status without content takes no body.
        const headers = name ? { ETag: name } : {};
        return resolve(new Response(document || null, { status, headers }));
      }
      if (!pieces) resolve(new Response(new ReadableStream({ start: (c) => { pieces = c; } })));
      if (name) return pieces.enqueue(encoder.encode(`event: ${name}\ndata: ${document}\n\n`));
      end();
      pieces.close();
    };
    open.set(id, { hear, fail });
    signal?.addEventListener("abort", leave);
    worker.postMessage({ id, ...question });
  });
  return {
    ask,
    mount: (files) => dead || worker.postMessage({ mount: files }),
    get dead() { return dead; },
  };
}

let pictures = null, streams = null, mounted = [];

function worker(streaming) {
  const lacks = lacking();
  if (lacks)
    throw refused(`This browser has no ${lacks}, with which the page computes: take a newer one.`);
  if (streaming) return (streams = streams?.dead || !streams ? begin() : streams);
  if (!pictures || pictures.dead) {
    pictures = begin();
    pictures.mount(mounted);
  }
  return pictures;
}

// call answers as fetch does, of what is asked of icar.
export async function call(url, { method = "GET", headers = {}, body = null, signal } = {}) {
  const { pathname, search } = new URL(url, home);
  const file = body && new Uint8Array(await body.arrayBuffer());
  const seen = headers["If-None-Match"] ?? "";
  const question = { method, path: pathname, query: search.slice(1), seen, file };
  return worker(headers.Accept === "text/event-stream").ask(question, signal);
}

// mount shows the workers files, {path, file} each, in the place of those before.
export function mount(files) {
  mounted = files;
  worker(false).mount(files);
}

if (!lacking()) worker(false); // it loads while the page does
