// The worker in which icar computes: Go, compiled to WebAssembly.

importScripts("files.js", "wasm_exec.js");

self.icar = {}; // to which Go adds ask, and calls ready
const leaves = new Map(); // by the number of a question: what gives it up

// content returns a file of the site. A server may have unpacked it on the way.
async function content(name) {
  const response = await fetch(name);
  if (!response.ok)
    throw new Error(`${name} is not there (${response.status}): ` +
      "write the site anew with icar site");
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new Blob([bytes]).stream();
  return new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
}

const started = (async () => {
  const go = new Go();
  const [code, learnt] = await Promise.all([
    content("icar.wasm.gz")
      .then((s) => new Response(s, { headers: { "Content-Type": "application/wasm" } })),
    content("learnt.json.gz").then((s) => new Response(s).blob()),
  ]);
  files.put("/learnt.json", learnt);
  const { instance } = await WebAssembly.instantiateStreaming(code, go.importObject);
  const ready = new Promise((done) => { icar.ready = done; });
  go.run(instance).then(() => die("the program has ended"));
  await ready;
})();

function die(why) {
  const dead = `The part of this page that computes has stopped (${why}): load the page again.`;
  postMessage({ dead });
}

started.catch((error) => die(error.message));

function answer({ id, method, path, query, seen, file }) {
  leaves.set(id, null); // an answer may come before ask returns
  const leave = icar.ask(method, path, query, seen, file, (status, name, document) => {
    if (!leaves.has(id)) return false;
    postMessage({ id, status, name, document });
    if (status || !name) leaves.delete(id);
    return true;
  });
  if (leaves.has(id)) leaves.set(id, leave);
}

addEventListener("message", async ({ data }) => {
  if (data.mount) return files.mount(data.mount);
  if (data.leave) {
    leaves.get(data.id)?.();
    return leaves.delete(data.id);
  }
  if (await started.then(() => true, () => false)) answer(data);
});
