// What the page asks and how answers are read. Who answers is known to call.js alone.

import { call, silence } from "./call.js";
import { parse } from "./visible.js";

// refusal is what the server said no with, and how.
export async function refusal(response) {
  const error = new Error(parse(await response.text()).error);
  error.status = response.status;
  return error;
}

export async function ask(url, options) {
  const response = await call(url, options);
  if (!response.ok) throw await refusal(response);
  return parse(await response.text());
}

// poll asks for what may be as it was when the answer had that tag, "" for never
// seen. It returns the answer, null for one that has not changed, and its tag.
export async function poll(url, tag, signal) {
  const response = await call(url, { signal, headers: tag ? { "If-None-Match": tag } : {} });
  if (response.status === 304) return { answer: null, tag };
  if (!response.ok) throw await refusal(response);
  return { answer: parse(await response.text()), tag: response.headers.get("ETag") };
}

export const busy = 429, pause = 1000; // status; milliseconds, as the server's Retry-After

export function reason(error) {
  return error instanceof TypeError ? silence : error.message;
}

// latestOnly runs ask-and-show one at a time; of the wishes that come in the
// meantime only the last is done.
export function latestOnly(work) {
  let running = false, again = false;
  return async function run() {
    if (running) { again = true; return; }
    running = true;
    do { again = false; await work(); } while (again);
    running = false;
  };
}

// listen reads server-sent events until they end.
export async function listen(url, signal, handle) {
  const response = await call(url, { signal, headers: { Accept: "text/event-stream" } });
  if (!response.ok) throw await refusal(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    buffer += value;
    for (let end; (end = buffer.indexOf("\n\n")) >= 0; buffer = buffer.slice(end + 2)) {
      const [, name, data] = buffer.slice(0, end).match(/^event: (.*)\ndata: (.*)$/);
      handle(name, parse(data));
    }
  }
}
