import { loadBridge, sidecarCall } from '../peers/sidecar.js';
import { probe } from './probe.js';

await probe(sidecarCall, loadBridge);
