import type { CaseResult, PeerResult, ScenarioResult } from '../results.js';
import { figureText, ratioText, spreadText } from './format.js';

/** One case as rows of text, the heading first; terminal, Markdown and HTML show the same. */
export function caseRows(scenario: ScenarioResult, measured: CaseResult): string[][] {
  const [main, ...others] = scenario.metrics;
  if (!main) return [];
  const heading = ['peer', main.label, 'spread', `ratio`, ...others.map((metric) => metric.label), 'runs'];
  const row = (peer: PeerResult) => {
    const figure = peer.figures[main.key];
    return [
      peer.name,
      figureText(figure, main),
      spreadText(figure),
      ratioText(figure),
      ...others.map((metric) => figureText(peer.figures[metric.key], metric)),
      String(figure?.runs ?? 0),
    ];
  };
  return [heading, ...measured.peers.map(row)];
}

export function caseTitle(measured: CaseResult): string {
  return `${measured.name} (payload ${measured.payload}, concurrency ${measured.concurrency})`;
}
