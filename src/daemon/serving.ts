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
  /** The group that may connect too. */
  readonly groupId: number | null;
  /** What listened at `path` for the version before this one; null: nothing. */
  readonly inherited: number | null;
}

export interface OpenedSocket {
  readonly fd: number;
  /** Nobody is going to be served. */
  abandon(): void;
}

export type SocketResult =
  | { readonly ok: true; readonly value: OpenedSocket }
  /** A sentence. */
  | { readonly ok: false; readonly message: string };

/** Has the control socket listen. */
export type OpenSocket = (options: SocketOptions) => Promise<SocketResult>;

export interface ServeOptions {
  readonly path: string;
  /** Of the socket that listens there. */
  readonly listenFd: number;
  readonly control: Control;
  /** A bug in answering: the client got a 500, the server goes on. */
  readonly onBug: (error: unknown) => void;
}

/** Answers at the socket that has been opened. The caller owns what serves, and must close it. */
export type Serve = (options: ServeOptions) => Promise<Served>;
