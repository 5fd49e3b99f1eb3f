// GET of one document by HTTP/1.0 over a bare socket: its answer has a length and ends with the connection.
// node:http would do the same, but loading its client takes a sixth of the time that `unitd status` may take.
import { connect } from 'node:net';

export type DocumentAnswer =
  | { readonly kind: 'answer'; readonly status: number; readonly body: string }
  /** Nothing listens, or it may not be reached. */
  | { readonly kind: 'unreachable'; readonly errno: string | undefined }
  /** The connection ended before the answer did; `isEmpty`: not a byte of it came. */
  | { readonly kind: 'cut-off'; readonly isEmpty: boolean }
  | { readonly kind: 'not-http' };

/** What a busy daemon with many units needs, and more: only one that is stopped or starved is silent for so long. */
export const PATIENCE_MS = 30_000;

/**
 * `path` is already encoded for a request line; `signal` gives the answer up. Where there is none, whoever says nothing
 * for `patienceMs` is unreachable by ETIMEDOUT.
 */
export async function requestDocument(
  socket: string,
  path: string,
  signal?: AbortSignal,
  patienceMs = PATIENCE_MS,
): Promise<DocumentAnswer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const connection = connect({ path: socket });
    // Not node's own `signal`, whose listener outlives the connection: a signal may be for many.
    const giveUp = (): void => void connection.destroy(new Error('given up'));
    if (signal?.aborted === true) giveUp();
    else signal?.addEventListener('abort', giveUp);
    if (signal === undefined) {
      connection.setTimeout(patienceMs, () => {
        connection.destroy(Object.assign(new Error('silent'), { code: 'ETIMEDOUT' }));
      });
    }
    connection.on('data', (chunk) => chunks.push(chunk));
    connection.on('error', (error: NodeJS.ErrnoException) => {
      resolve(
        chunks.length > 0 && error.code !== 'ETIMEDOUT'
          ? { kind: 'cut-off', isEmpty: false }
          : { kind: 'unreachable', errno: error.code },
      );
    });
    connection.on('close', () => {
      signal?.removeEventListener('abort', giveUp);
      resolve(answerOf(Buffer.concat(chunks)));
    });
    connection.write(`GET ${path} HTTP/1.0\r\nAccept: application/json\r\n\r\n`);
  });
}

function answerOf(bytes: Buffer): DocumentAnswer {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const isEmpty = bytes.length === 0;
  if (headEnd === -1) return isEmpty || isHttp(bytes) ? { kind: 'cut-off', isEmpty } : { kind: 'not-http' };
  const head = bytes.toString('latin1', 0, headEnd);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined) return { kind: 'not-http' };
  const body = bytes.subarray(headEnd + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined && body.length < Number(length)) return { kind: 'cut-off', isEmpty };
  return { kind: 'answer', status: Number(status), body: body.toString('utf8') };
}

function isHttp(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 5) === 'HTTP/';
}
