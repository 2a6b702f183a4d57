import { SidecarError } from '../protocol/index.js';
import { type Credentials, expired, hasEnded } from './credentials.js';

/** Signs the requests of one client. A login that ends is read anew once it has ended, or is no longer taken. */
export class Signer {
  #current: Credentials;
  #renewing: Promise<void> | undefined;

  constructor(credentials: Credentials) {
    this.#current = credentials;
  }

  /**
   * The headers of one request, over those of the SDK; undefined removes one. None where the SDK's own are for good.
   * @throws SidecarError `credentials-expired`, and what reading them anew fails with
   */
  async headers(): Promise<Record<string, string | undefined>> {
    if (!this.#current.renew) return {};
    if (hasEnded(this.#current)) await this.#renew();
    if (hasEnded(this.#current)) throw expired(this.#current);
    checkHeaderValues(this.#current);
    return headersOf(this.#current);
  }

  /** Cloudflare did not take these: whether there are others now. */
  async refused(headers: Record<string, string | undefined>): Promise<boolean> {
    const isCurrent = () => headersOf(this.#current).authorization === headers.authorization;
    if (!this.#current.renew) return false;
    if (isCurrent()) await this.#renew(this.#current.apiToken);
    return !isCurrent();
  }

  /** Requests that come at the same time share one look-up. */
  async #renew(refused?: string): Promise<void> {
    const { renew } = this.#current;
    this.#renewing ??= (async () => {
      if (renew) this.#current = await renew(refused);
    })().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }
}

/** What cannot stand in a header would come back in the text of the error that says so. */
export function checkHeaderValues({ apiToken, apiKey, apiEmail, source }: Credentials): void {
  for (const value of [apiToken, apiKey, apiEmail]) {
    if (value === undefined || /^[\x21-\x7e]+$/.test(value)) continue;
    throw new SidecarError(
      'credentials-invalid',
      `The credentials of ${source} have a character that no token, key or e-mail address has, such as a space or a line break.`,
    );
  }
}

function headersOf({ apiToken, apiKey, apiEmail }: Credentials): Record<string, string | undefined> {
  if (apiToken !== undefined) return { authorization: `Bearer ${apiToken}` };
  return { authorization: undefined, 'x-auth-key': apiKey, 'x-auth-email': apiEmail };
}
