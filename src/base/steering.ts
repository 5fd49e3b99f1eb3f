// What makes a terminal do something instead of showing it: control characters, and those that turn text round.

/** One character each; tabs, line feeds and colours are for whoever shows the text to let pass. */
// oxlint-disable-next-line no-control-regex
export const STEERING = /[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
