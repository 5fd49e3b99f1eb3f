// Who is connected, and who has to go when there are too many: the one that has been idle longest.
// Every exchange under way ends with its connection, also one that waits behind another in a pipeline. What comes behind
// them and is no request costs none of them its answer: that it is none is the connection's last answer.
import type { Socket } from 'node:net';
import type { ProblemDetails } from '../wire/v1.ts';

export interface Connections {
  /** False when every place is taken by an exchange under way. */
  admit(socket: Socket): boolean;
  /** An exchange begins on an admitted connection; null on any other. */
  begin(socket: Socket): Exchange | null;
  /** What came is no request, or did not come in time. */
  refuse(socket: Socket, problem: ProblemDetails): void;
  /** Hangs up on all; exchanges under way may still say their last words, and each is its connection's last. */
  hangUp(): void;
  destroy(): void;
}

export interface Exchange {
  readonly hangup: AbortSignal;
  /** Its connection had as many under way as it may. */
  readonly isTooMany: boolean;
  /** Resolves when what is refused was to be the rest of its request, which is the exchange's to answer then. */
  refused(isWhole: () => boolean): Promise<ProblemDetails>;
  /** Hangs up unless the reply has gone out whole. */
  end(whole: boolean): void;
}

interface Connection {
  readonly exchanges: Set<AbortController>;
  /** The latest request that has a body. */
  receiving: { readonly isWhole: () => boolean; readonly refuse: (problem: ProblemDetails) => void } | null;
  isRefused: boolean;
  /** To be said when the exchanges under way are over. */
  lastWord: ProblemDetails | null;
}

/** Exchanges of one connection: for each, an answer as long as the fleet may wait to be read. */
export const MOST_AT_ONCE = 16;

/** `turnAway`: says so, and closes the connection. */
export function connections(
  max: number,
  turnAway: (socket: Socket, problem: ProblemDetails) => void,
): Connections {
  // Insertion order is the order of the last activity: a connection moves to the end when an exchange ends.
  const open = new Map<Socket, Connection>();
  let hungUp = false;

  function forget(socket: Socket): void {
    const exchanges = open.get(socket)?.exchanges ?? [];
    open.delete(socket);
    for (const exchange of exchanges) exchange.abort();
  }

  function oldestIdle(): Socket | undefined {
    for (const [socket, { exchanges }] of open) if (exchanges.size === 0) return socket;
    return undefined;
  }

  return {
    admit(socket): boolean {
      if (open.size >= max) {
        const idle = oldestIdle();
        if (idle === undefined) return false;
        forget(idle);
        idle.destroy();
      }
      open.set(socket, { exchanges: new Set(), receiving: null, isRefused: false, lastWord: null });
      socket.once('close', () => forget(socket));
      return true;
    },
    begin(socket): Exchange | null {
      const connection = open.get(socket);
      if (connection === undefined) return null;
      const { exchanges } = connection;
      const controller = new AbortController();
      if (hungUp) controller.abort();
      const isTooMany = exchanges.size >= MOST_AT_ONCE;
      exchanges.add(controller);
      return {
        hangup: controller.signal,
        isTooMany,
        refused: (isWhole) =>
          new Promise((refuse) => {
            connection.receiving = { isWhole, refuse };
          }),
        end(whole): void {
          exchanges.delete(controller);
          if (!whole) controller.abort();
          const { lastWord } = connection;
          if (lastWord !== null && exchanges.size === 0 && socket.writable) turnAway(socket, lastWord);
          if (hungUp && exchanges.size === 0) socket.destroySoon();
          if (!open.has(socket)) return;
          open.delete(socket);
          open.set(socket, connection);
        },
      };
    },
    refuse(socket, problem): void {
      const connection = open.get(socket);
      if (connection === undefined || !socket.writable) {
        socket.destroy();
        return;
      }
      const { exchanges, receiving, isRefused } = connection;
      connection.isRefused = true;
      const isCut = receiving?.isWhole() === false;
      if (socket.readableEnded && (isRefused || (!isCut && exchanges.size > 0))) {
        // The client has gone away in the middle.
        socket.destroySoon();
      } else if (isRefused) {
        // More of the same.
      } else if (isCut) receiving.refuse(problem);
      else if (exchanges.size === 0) turnAway(socket, problem);
      else connection.lastWord = problem;
    },
    hangUp(): void {
      hungUp = true;
      for (const [socket, { exchanges }] of open) {
        if (exchanges.size === 0) socket.destroySoon();
        for (const exchange of exchanges) exchange.abort();
      }
    },
    destroy(): void {
      for (const socket of [...open.keys()]) socket.destroy();
    },
  };
}
