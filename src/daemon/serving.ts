// What the daemon's life asks of whoever serves it. Handed in, since the API stands above the daemon, and a daemon can be
// tested without a socket.
import type { Control } from './control.ts';

export interface Served {
  /** Ends streams and waits, closes every connection and removes the socket. */
  close(): Promise<void>;
  /** The same, but the socket stays: a descriptor that goes on listening through an exec. */
  leave(): Promise<number>;
}

export interface SocketOptions {
  readonly path: string;
  readonly groupId: number | null;
  /** A socket that listens at `path` already; null: none. */
  readonly listenFd: number | null;
}

export interface OpenedSocket {
  readonly fd: number;
  /** Nobody is going to be served. */
  abandon(): void;
}

/** Has the control socket listen; a refusal is a sentence. */
export type OpenSocket = (
  options: SocketOptions,
) => Promise<
  { readonly ok: true; readonly value: OpenedSocket } | { readonly ok: false; readonly message: string }
>;

export interface ServeOptions extends SocketOptions {
  readonly control: Control;
  readonly onBug: (error: unknown) => void;
}

/** Answers at the socket that has been opened. */
export type Serve = (
  options: ServeOptions,
) => Promise<
  { readonly ok: true; readonly value: Served } | { readonly ok: false; readonly message: string }
>;
