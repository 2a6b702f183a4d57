/** Why a file's content is not used. The message goes on behind the file's path. */
export class StateProblem extends Error {
  /** `newer`: a later version wrote it. `damaged`: no version did. */
  readonly kind: 'newer' | 'damaged';

  constructor(kind: StateProblem['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}
