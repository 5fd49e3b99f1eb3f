// The two output streams of a unit: their names, and their places in what is kept of both. Types and data.

export type StreamName = 'stdout' | 'stderr';

/** 0 is stdout, 1 is stderr. */
export type StreamIndex = 0 | 1;

export const STREAM_NAMES: readonly [StreamName, StreamName] = ['stdout', 'stderr'];
