/** Node and undici refuse what is outside of this in a header; a tab is allowed. */
const CONTROL_CHARACTER = /[^\t -~\x80-\xff]/g;

/** A text as the value of a header: its UTF-8, a character a byte, because a header holds no more. */
export function toHeaderBytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The same, with a blank for each character that no header holds. */
export function toHeaderText(text: string): string {
  return toHeaderBytes(text).replace(CONTROL_CHARACTER, ' ');
}

/** The text of a header's value: UTF-8 where it is valid, else Latin-1, as older clients send it. */
export function fromHeaderText(value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value; // Not UTF-8: each character is itself.
  }
}

/** Whether a text arrives as it is: a header keeps no control characters, and no blanks at its ends. */
export function fitsHeader(text: string): boolean {
  return fromHeaderText(toHeaderText(text).trim()) === text;
}
