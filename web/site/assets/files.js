// The files that the worker's Go sees, by the interface of Node's fs that Go asks for:
// those that a reader has dropped on the page, below /runs, to be read and no more.

const files = (() => {
  const kept = new Map(); // Blobs by path
  const folders = new Map(); // sets of names by path
  const open = new Map(); // by descriptor
  let next = 100;

  const fault = (code) => Object.assign(new Error(code), { code });
  const put = (path, blob) => {
    kept.set(path, blob);
    for (let at = path; at !== "/";) {
      const cut = at.lastIndexOf("/"), parent = at.slice(0, cut) || "/";
      if (!folders.has(parent)) folders.set(parent, new Set());
      folders.get(parent).add(at.slice(cut + 1));
      at = parent;
    }
  };
  const clean = (path) => "/" + path.split("/").filter((name) => name && name !== ".").join("/");
  const look = (given) => {
    const path = clean(given), blob = kept.get(path), folder = folders.get(path);
    if (!blob && !folder) throw fault("ENOENT");
    const at = blob?.lastModified ?? 0;
    return {
      path, blob, dev: 1, ino: 0, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 4096, blocks: 0,
      mode: blob ? 0o100444 : 0o40555, size: blob?.size ?? 0, atimeMs: at, mtimeMs: at, ctimeMs: at,
      isDirectory: () => !blob,
    };
  };
  // told calls back with what a function returns or throws.
  const told = (work) => (...args) => {
    const back = args.pop();
    try { back(null, work(...args)); } catch (error) { back(error); }
  };
  const number = (descriptor) => open.get(descriptor) ?? (() => { throw fault("EBADF"); })();
  let line = "";
  const print = (bytes) => {
    const lines = (line + new TextDecoder().decode(bytes)).split("\n");
    line = lines.pop();
    for (const l of lines) console.log(l);
    return bytes.length;
  };

  globalThis.fs = {
    constants: {
      O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_TRUNC: 512, O_APPEND: 1024, O_EXCL: 128,
      O_DIRECTORY: -1,
    },
    writeSync: (_, bytes) => print(bytes),
    write: told((_, bytes) => print(bytes)),
    open: told((path, flags) => {
      if (flags & (1 | 2 | 64 | 512 | 1024)) throw fault("EROFS");
      const seen = look(path);
      open.set(++next, { ...seen, at: 0 });
      return next;
    }),
    close: told((descriptor) => { open.delete(descriptor); }),
    fstat: told(number),
    stat: told(look),
    lstat: told(look),
    readdir: told((path) => [...(folders.get(clean(path)) ?? [])]),
    readlink: told(() => { throw fault("EINVAL"); }),
    async read(descriptor, buffer, offset, length, position, back) {
      try {
        const file = number(descriptor), from = position ?? file.at;
        if (!file.blob) throw fault("EISDIR");
        const bytes = new Uint8Array(await file.blob.slice(from, from + length).arrayBuffer());
        buffer.set(bytes, offset);
        if (position === null) file.at += bytes.length;
        back(null, bytes.length);
      } catch (error) {
        back(error.code ? error : fault("EIO"));
      }
    },
  };
  const refuse = told(() => { throw fault("EROFS"); });
  for (const name of ["chmod", "chown", "fchmod", "fchown", "fsync", "ftruncate", "lchown", "link",
    "mkdir", "rename", "rmdir", "symlink", "truncate", "unlink", "utimes"]) fs[name] = refuse;

  // mount puts files below /runs, in the place of those before.
  const mount = (all) => {
    for (const table of [kept, folders])
      for (const path of table.keys()) if (path.startsWith("/runs")) table.delete(path);
    folders.get("/")?.delete("runs");
    for (const { path, file } of all) put(`/runs/${path}`, file);
  };
  return { put, mount };
})();
