import { serveStock } from './stock.js';

serveStock(process.stdin, process.stdout);
