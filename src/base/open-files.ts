/**
 * The limit on open files that a daemon must have. It holds 33 without a unit or a client, and 2 to 4 more for each unit;
 * what it reads, writes and asks at once comes on top. A loop of libuv that has found none left for its own spare would
 * turn without end at the next client.
 */
export const LEAST_OPEN_FILES = 64;
