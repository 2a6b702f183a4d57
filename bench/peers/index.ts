import type { Peer } from '../peer.js';
import { birpc } from './birpc.js';
import { floorLines, floorThread } from './floors.js';
import { kkrpc } from './kkrpc.js';
import { naiveComlink } from './naive.js';
import { nodeIpcAdvanced, nodeIpcJson } from './node-ipc.js';
import { sidecarCall, sidecarRemote } from './sidecar.js';
import { stockStdio, stockTcp } from './stock.js';

/** Everybody who takes part, in the order tables show them: the reference of ratios first, ours last. */
export const peers: readonly Peer[] = [
  stockStdio,
  stockTcp,
  naiveComlink,
  kkrpc,
  birpc,
  nodeIpcJson,
  nodeIpcAdvanced,
  floorLines,
  floorThread,
  sidecarRemote,
  sidecarCall,
];

/** Those that a quick run has where peers were compared before: the reference, the floor and ours. */
export const fewPeers: readonly string[] = [stockStdio, floorLines, sidecarRemote, sidecarCall].map(
  ({ name }) => name,
);

/** @throws when nobody has that name: a comparison without its peer would be none. */
export function peerNamed(name: string): Peer {
  const found = peers.find((peer) => peer.name === name);
  if (!found) throw new Error(`No peer is named "${name}".`);
  return found;
}
