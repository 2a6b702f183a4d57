/**
 * A text of at most about `maxChars` characters: of a longer one its beginning and its end, and how much stood between.
 * Only for text without secrets: half of one is not recognised any more.
 */
export function shorten(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const end = Math.floor(maxChars / 2);
  const begin = maxChars - end;
  return `${text.slice(0, begin)} … (${text.length - maxChars} characters left out) … ${text.slice(-end)}`;
}
