// The state of the page is in the address: part.name=value for what is not as at
// first. What a reader changes is an entry of the browser's history, so that Back
// and Forward go through the states of the page.

const pause = 1000; // ms; what is moved on within it is one change

let address = new URLSearchParams(location.search);
let last = { what: "", at: 0 };
const readers = [];

export const recall = (name) => address.get(name);
export const recallAll = (name) => address.getAll(name);

// remember writes changes, values by name: null or an empty list is as at first.
// With silent they belong to the entry of the history that is there.
export function remember(changes, silent = false) {
  const before = address.toString();
  for (const [name, value] of Object.entries(changes)) {
    address.delete(name);
    for (const v of [value ?? []].flat()) address.append(name, v);
  }
  const query = address.toString(), what = Object.keys(changes)[0], at = Date.now();
  if (query === before) return;
  const goesOn = silent || (what === last.what && at - last.at < pause);
  if (!silent) last = { what, at };
  const place = (query ? "?" + query : location.pathname) + location.hash;
  history[goesOn ? "replaceState" : "pushState"](null, "", place);
}

// onReturn calls read after Back or Forward, if the state is another one then.
export function onReturn(read) {
  readers.push(read);
}

addEventListener("popstate", () => {
  const before = address.toString();
  address = new URLSearchParams(location.search);
  last = { what: "", at: 0 };
  if (address.toString() !== before) for (const read of readers) read();
});
