/**
 * The version of the wire contract, not of the package. It is raised when an older peer could
 * misread a newer one; a peer with another number is refused in the handshake (`version-mismatch`).
 */
export const PROTOCOL_VERSION = 1;

/** The largest message body either side accepts by default, in bytes (16 MiB). */
export const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;
