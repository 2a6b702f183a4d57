import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Under a minute: fewer rounds, fewer cases. */
  quick: boolean;
  list: boolean;
  /** Scenarios whose name contains one of these. */
  filter: string[];
  /** Peers whose name contains one of these, beside the reference. For work on one peer; a full run has all. */
  peer: string[];
  'cpu-profile'?: string;
  json?: string;
  markdown?: string;
  html?: string;
}

export const USAGE = `npm run bench -- [options]
  --quick            under a minute: fewer rounds and cases
  --filter <name>    only scenarios whose name contains this (repeatable)
  --peer <name>      only peers whose name contains this, beside the reference (repeatable)
  --json <file>      writes the figures
  --markdown <file>  writes the tables; in an existing file, between its <!-- bench --> marks
  --html <file>      writes the report with plots, one self-contained file
  --cpu-profile <folder>  writes CPU profiles of everything that runs; figures are lower then
  --list             names the scenarios and peers`;

/** @throws with the usage when an option is unknown. */
export function parseOptions(argv: string[]): BenchOptions {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      'cpu-profile': { type: 'string' },
      list: { type: 'boolean', default: false },
      filter: { type: 'string', multiple: true, default: [] },
      peer: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      markdown: { type: 'string' },
      html: { type: 'string' },
    },
  });
  return values;
}
