// Who is connected, and who has to go when there are too many: the one that has been idle longest.
// Every exchange under way ends with its connection, also one that waits behind another in a pipeline.
import type { Socket } from 'node:net';

export interface Connections {
  /** False when every place is taken by an exchange under way. */
  admit(socket: Socket): boolean;
  /** An exchange begins on an admitted connection; null on any other. */
  begin(socket: Socket): Exchange | null;
  isServing(socket: Socket): boolean;
  /** Hangs up on all; exchanges under way may still say their last words, and each is its connection's last. */
  hangUp(): void;
  destroy(): void;
}

export interface Exchange {
  readonly hangup: AbortSignal;
  /** Hangs up unless the reply has gone out whole. */
  end(whole: boolean): void;
}

export function connections(max: number): Connections {
  // Insertion order is the order of the last activity: a connection moves to the end when an exchange ends.
  const open = new Map<Socket, Set<AbortController>>();
  let hungUp = false;

  function forget(socket: Socket): void {
    const exchanges = open.get(socket) ?? [];
    open.delete(socket);
    for (const exchange of exchanges) exchange.abort();
  }

  function oldestIdle(): Socket | undefined {
    for (const [socket, exchanges] of open) if (exchanges.size === 0) return socket;
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
      open.set(socket, new Set());
      socket.once('close', () => forget(socket));
      return true;
    },
    begin(socket): Exchange | null {
      const exchanges = open.get(socket);
      if (exchanges === undefined) return null;
      const controller = new AbortController();
      if (hungUp) controller.abort();
      exchanges.add(controller);
      return {
        hangup: controller.signal,
        end(whole): void {
          exchanges.delete(controller);
          if (!whole) controller.abort();
          if (hungUp && exchanges.size === 0) socket.destroySoon();
          if (!open.has(socket)) return;
          open.delete(socket);
          open.set(socket, exchanges);
        },
      };
    },
    isServing: (socket) => (open.get(socket)?.size ?? 0) > 0,
    hangUp(): void {
      hungUp = true;
      for (const [socket, exchanges] of open) {
        if (exchanges.size === 0) socket.destroySoon();
        for (const exchange of exchanges) exchange.abort();
      }
    },
    destroy(): void {
      for (const socket of [...open.keys()]) socket.destroy();
    },
  };
}
