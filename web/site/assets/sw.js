
// The site as it was loaded, whole: of this version, in a cache of its own, until the
// last page of an older one is closed.

const mine = `icar ${registration.scope} `, name = mine + version;

addEventListener("install", (e) => e.waitUntil(caches.open(name).then((c) => c.addAll(files))));

addEventListener("activate", (e) => e.waitUntil((async () => {
  for (const other of await caches.keys())
    if (other.startsWith(mine) && other !== name) await caches.delete(other);
  await clients.claim();
})()));

addEventListener("fetch", (e) => {
  if (e.request.method !== "GET" || !e.request.url.startsWith(registration.scope)) return;
  e.respondWith((async () => {
    const cache = await caches.open(name);
    return (await cache.match(e.request, { ignoreSearch: true })) ?? fetch(e.request);
  })());
});
