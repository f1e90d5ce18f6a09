// Text that others wrote, such as the names of runs and the statements of a
// result, is shown as its letters: what would turn the direction of reading, or
// cannot be seen, stands as an escape, \u202e, as on the command's terminal.

const unseen = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

// visible returns a text without what commands.
export function visible(text) {
  return text.replace(unseen, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
}

// parse reads JSON of the server; every text in it comes out visible.
export function parse(json) {
  return JSON.parse(json, (_, value) => (typeof value === "string" ? visible(value) : value));
}
