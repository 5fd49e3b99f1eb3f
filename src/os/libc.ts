// The door to the C library: the only file that imports koffi. What is called through it is declared in the files of
// src/os/libc, as thin typed functions by what they are for: a failure is an errno number in the result (0: none), and
// none of them decides or throws.
import koffi from 'koffi';
import type { KoffiFunc } from 'koffi';

const library = koffi.load(null);

type Callable = (...args: never[]) => unknown;

/** A function of libc by its C prototype, of which `F` is to say the same. Throws where this libc has it not. */
export function bound<F extends Callable>(prototype: string): KoffiFunc<F> {
  return library.func(prototype) as unknown as KoffiFunc<F>;
}

/** The same; null where this libc has it not. */
export function boundIfOffered<F extends Callable>(prototype: string): KoffiFunc<F> | null {
  try {
    return bound<F>(prototype);
  } catch {
    return null;
  }
}

/** Has a function called on a thread of the pool. Its errno is lost. */
export function calledAside<A extends unknown[], R>(
  call: KoffiFunc<(...args: A) => R>,
  ...args: A
): Promise<R> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, result: R) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** Of the buffer's bytes, for a struct that points to them; the caller keeps the buffer alive. */
export function addressOf(buffer: Buffer): bigint {
  return BigInt(koffi.address(buffer));
}

/**
 * Of a call that has just given `result`. Read by a call of its own, before which V8 may have made others: in Node 24 the
 * first lock that threads contend for has it look for a file that few machines have (absl's cycle clock, tsc_freq_khz),
 * and then this is ENOENT. Once in the life of a process, and only where there is much to do; see believed().
 */
export function errnoOf(result: number): number {
  return result < 0 ? koffi.errno() : 0;
}

/** Has what fails otherwise than `expected` asked once more, and gives that. For calls that change nothing if they fail. */
export function believed<T extends { readonly errno: number }>(ask: () => T, expected: readonly number[]): T {
  const first = ask();
  return first.errno === 0 || expected.includes(first.errno) ? first : ask();
}

export interface FdResult {
  readonly fd: number;
  readonly errno: number;
}

/** Of a call that has just given a descriptor, which is the caller's, or -1. */
export function fdResult(fd: number): FdResult {
  return { fd, errno: errnoOf(fd) };
}
