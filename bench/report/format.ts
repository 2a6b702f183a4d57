import { type GoalResult, unitText } from '../goals.js';
import type { Figure } from '../results.js';
import type { Metric } from '../scenario.js';

/** A figure as people read it: three significant digits, thousands apart. */
export function figureText(figure: Figure | undefined, metric: Metric): string {
  if (!figure || !Number.isFinite(figure.median)) return '–';
  return numberText(figure.median, metric.digits ?? 0);
}

export function numberText(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function ratioText(figure: Figure | undefined): string {
  if (!figure || !Number.isFinite(figure.ratio)) return '–';
  return `${numberText(figure.ratio, figure.ratio < 0.1 ? 3 : 2)}x`;
}

/** How far the rounds lie apart, as a share of the median: what a difference has to exceed to mean something. */
export function spreadText(figure: Figure | undefined): string {
  if (!figure || !Number.isFinite(figure.median) || figure.median === 0) return '–';
  return `±${numberText(((figure.max - figure.min) / 2 / figure.median) * 100)}%`;
}

/** What a goal came to, in at most three significant digits. */
export function goalFigureText({ figure, unit }: GoalResult): string {
  if (figure === null) return '–';
  return figure.toLocaleString('en-US', { maximumSignificantDigits: 3 }) + unitText(unit);
}
