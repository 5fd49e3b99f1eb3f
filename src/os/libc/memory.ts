// Memory: the size of its pages, and the return of what malloc keeps.
import { bound, boundIfOffered } from '../libc.ts';

const getpagesize = bound<() => number>('int getpagesize()');
// glibc alone has it, and keeps much.
const mallocTrim = boundIfOffered<(pad: number) => number>('int malloc_trim(size_t pad)');

/** Bytes of a page of memory. */
export function pageBytes(): number {
  return getpagesize();
}

/**
 * malloc_trim(3): gives memory that was freed back to the kernel, which malloc keeps for each thread that had some. Takes
 * one to three milliseconds. Nothing where libc has no such call.
 */
export function trimMalloc(): void {
  mallocTrim?.(0);
}
