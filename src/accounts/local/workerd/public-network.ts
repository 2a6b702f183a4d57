/** IPv4 that is no host of the internet: https://www.iana.org/assignments/iana-ipv4-special-registry */
const NON_PUBLIC_IPV4 = [
  '0.0.0.0/8', // "This network": Linux connects to 0.0.0.0 as to loopback.
  '10.0.0.0/8',
  '100.64.0.0/10', // Carrier-grade NAT.
  '127.0.0.0/8',
  '169.254.0.0/16', // Link-local, and where clouds serve the credentials of a machine.
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24', // Relays of 6to4.
  '192.168.0.0/16',
  '198.18.0.0/15', // Benchmarks of network devices.
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;

/** All IPv6 but 2000::/3, which alone is given out. Mapped, compatible, translated and local forms of IPv4 lie in it. */
const OUTSIDE_GLOBAL_IPV6 = ['::/3', '4000::/2', '8000::/1'] as const;

/** Parts of 2000::/3 that are no host of the internet: https://www.iana.org/assignments/iana-ipv6-special-registry */
const NON_PUBLIC_GLOBAL_IPV6 = [
  '2001::/23', // Teredo among them, which holds an IPv4 address.
  '2001:db8::/32',
  '2002::/16', // 6to4, which holds an IPv4 address.
  '3fff::/20',
] as const;

/** In a network without IPv4 every public IPv4 address is reached by this prefix, and so would a private one be: RFC 6052. */
const NAT64_PREFIX = '64:ff9b::';
const NAT64_PREFIX_BITS = 96;

/**
 * What a Worker may reach when the network is on: public addresses alone, in no form a private one. Of the rules that
 * hold an address workerd takes the one with the longest prefix, and between equals the one that denies.
 * The prefix for NAT64 that a network chose for itself cannot be known.
 */
export const PUBLIC_NETWORK: { readonly allow: readonly string[]; readonly deny: readonly string[] } = {
  allow: ['public', `${NAT64_PREFIX}/${NAT64_PREFIX_BITS}`],
  deny: [
    ...NON_PUBLIC_IPV4,
    ...NON_PUBLIC_IPV4.map(throughNat64),
    ...OUTSIDE_GLOBAL_IPV6,
    ...NON_PUBLIC_GLOBAL_IPV6,
  ],
};

function throughNat64(range: string): string {
  const [address, bits] = range.split('/');
  return `${NAT64_PREFIX}${address}/${NAT64_PREFIX_BITS + Number(bits)}`;
}
