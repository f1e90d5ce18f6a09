// Who answers the page: here the server that sent it. icar site puts another file in
// the place of this one, in which a worker beside the page answers.

// call is fetch, of what is asked of icar.
export const call = (url, options) => fetch(url, options);

export const silence = "The server does not answer. Is icar serve running?";
