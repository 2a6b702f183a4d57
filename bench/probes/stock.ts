import { stockStdio } from '../peers/stock.js';
import { probe } from './probe.js';

await probe(stockStdio, () => Promise.resolve());
