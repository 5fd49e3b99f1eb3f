// Sees to it that libuv can turn clients away when no descriptor is left (EMFILE). Accepts nobody itself.
//
// libuv keeps a descriptor of its own for that: it closes it, accepts and closes whoever waits, and opens it again
// (uv__emfile_trick() in its src/unix/stream.c). It opens it with the first socket that is made, and with each later one
// while it has none. But where that fails, for want of descriptors or since another thread was quicker to the one that
// it had closed, it says nothing, and from then on the loop asks accept(2) without a pause as long as a client waits.
import { connect } from 'node:net';
import { withOneGivenUp } from './spare-descriptor.ts';

/** To be called while there are descriptors, before units take them. */
export function keepAcceptSpare(): void {
  // Made, and closed again at once: nobody listens there.
  connect('/proc/self/nobody')
    .on('error', () => undefined)
    .destroy();
}

/** The same once there are none: one of ours is given up for it. Changes nothing where libuv has its own. */
export function renewAcceptSpare(): void {
  withOneGivenUp(keepAcceptSpare);
}
