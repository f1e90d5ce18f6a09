// Who answers the page: here the server that sent it. icar site puts another file in
// the place of this one, in which a worker beside the page answers.

// call is fetch, of what is asked of icar.
export const call = (url, options) => fetch(url, options);

export const silence = "The server does not answer. Is icar serve running?";

// What the page says of who answers it.
export const words = {
  none: "No runs yet: icar train writes one.",
  live: ", live",
  ended: "The server stopped before the training was done: press Train again.",
  busy: "The server is busy with other pictures; this one is asked for again.",
  silent: "The server does not answer; trying again.",
};
