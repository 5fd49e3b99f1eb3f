// The field: unitd, its peers, and the floor below them all, and which of them can be run here.
import { dinit } from './dinit.ts';
import { floor } from './floor.ts';
import type { Peer } from './peer.ts';
import { pm2 } from './pm2.ts';
import { runit } from './runit.ts';
import { s6 } from './s6.ts';
import { supervisord } from './supervisord.ts';
import { systemd } from './systemd.ts';
import { unitd } from './unitd.ts';

const FIELD: readonly Peer[] = [floor, dinit, unitd, s6, systemd, pm2, runit, supervisord];

/** Those that can be run; says of the others why not. `names` narrows the field; unitd is always in it. */
export function presentPeers(names: readonly string[] | null, note: (text: string) => void): readonly Peer[] {
  return FIELD.filter((peer) => {
    if (peer !== unitd && names !== null && !names.includes(peer.name)) return false;
    const missing = peer.missing();
    if (missing !== null) note(`${peer.name} is left out: ${missing}`);
    return missing === null;
  });
}
