import assert from 'node:assert/strict';
import { BlockList, isIPv6 } from 'node:net';
import { test } from 'node:test';
import { runtimeConfig } from '../../../../src/accounts/local/workerd/runtime-config.js';

interface Rule {
  bits: number;
  holds(address: string): boolean;
}

/** What workerd means by `public`: everything but what these ranges hold, as its library KJ lists them. */
const PUBLIC_DENIES =
  '10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 fc00::/7 fe80::/10 127.0.0.0/8 ::1/128 0.0.0.0/32 ::/128';

function rule(range: string): Rule {
  const [address = '', bits] = range.split('/');
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return {
    bits: Number(bits),
    holds: (asked) => isIPv6(asked) === (family === 'ipv6') && list.check(asked, family),
  };
}

/** Judges addresses as KJ's filter does, by the configuration that is written for workerd. */
function filterOf(configText: string): (address: string) => boolean {
  const service = /name = "internet", network = \((.*?)tlsOptions/.exec(configText)?.[1] ?? '';
  const ranges = (field: string) =>
    [...(new RegExp(`${field} = \\[(.*?)\\]`).exec(service)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(
      ([, range]) => range as string,
    );
  const isPublic = ranges('allow').includes('public');
  const allow = [
    ...(isPublic ? ['0.0.0.0/0', '::/0'] : []),
    ...ranges('allow').filter((range) => range !== 'public'),
  ].map(rule);
  const deny = [...(isPublic ? PUBLIC_DENIES.split(' ') : []), ...ranges('deny')].map(rule);
  return (address) => {
    const allowed = allow.filter(({ holds }) => holds(address)).map(({ bits }) => bits);
    if (allowed.length === 0) return false;
    const most = Math.max(...allowed);
    return !deny.some(({ bits, holds }) => bits >= most && holds(address));
  };
}

const { configText } = runtimeConfig({
  dangling: { has: () => false },
  workers: [],
  storageSocket: '/s',
  traceSocket: '/t',
  folder: '/f',
  allowNetwork: true,
  newestDate: '2026-01-01',
});
const reaches = filterOf(configText);

type Octets = readonly [number, number, number, number];
const hex = (high: number, low: number) => ((high << 8) | low).toString(16);
const inverted = ([a, b, c, d]: Octets): Octets => [a ^ 255, b ^ 255, c ^ 255, d ^ 255];
const words = ([a, b, c, d]: Octets) => `${hex(a, b)}:${hex(c, d)}`;

/** The forms in which an IPv6 address can hold an IPv4 one. */
const FORMS: Readonly<Record<string, (octets: Octets) => string>> = {
  plain: (octets) => octets.join('.'),
  mapped: (octets) => `::ffff:${words(octets)}`,
  compatible: (octets) => `::${words(octets)}`,
  translated: (octets) => `::ffff:0:${words(octets)}`,
  nat64: (octets) => `64:ff9b::${words(octets)}`,
  'local nat64': (octets) => `64:ff9b:1::${words(octets)}`,
  'local nat64, a network of its own': (octets) => `64:ff9b:1:2:3:4:${words(octets)}`,
  '6to4': (octets) => `2002:${words(octets)}::1`,
  teredo: (octets) => `2001:0:808:808:0:fbd5:${words(inverted(octets))}`,
  'server of teredo': (octets) => `2001:0:${words(octets)}:0:fbd5:f7f7:f7f7`,
};

const PRIVATE: readonly Octets[] = [
  [0, 0, 0, 0],
  [0, 1, 2, 3],
  [10, 0, 0, 1],
  [10, 255, 255, 255],
  [100, 64, 0, 1],
  [100, 127, 255, 255],
  [127, 0, 0, 1],
  [127, 255, 255, 254],
  [169, 254, 169, 254],
  [172, 16, 0, 1],
  [172, 31, 255, 255],
  [192, 0, 0, 170],
  [192, 168, 0, 1],
  [192, 168, 255, 255],
  [198, 18, 0, 1],
  [198, 19, 255, 255],
  [224, 0, 0, 1],
  [239, 255, 255, 250],
  [240, 0, 0, 1],
  [255, 255, 255, 255],
];
const PUBLIC: readonly Octets[] = [
  [1, 1, 1, 1],
  [9, 255, 255, 255],
  [11, 0, 0, 0],
  [100, 63, 255, 255],
  [100, 128, 0, 0],
  [126, 1, 1, 1],
  [128, 0, 0, 1],
  [169, 253, 1, 1],
  [172, 15, 255, 255],
  [172, 32, 0, 0],
  [192, 167, 1, 1],
  [192, 169, 1, 1],
  [223, 255, 255, 254],
];

test('with the network on a private address is refused in every form that IPv6 has for it', () => {
  for (const octets of PRIVATE) {
    for (const [form, write] of Object.entries(FORMS))
      assert.equal(reaches(write(octets)), false, `${form}: ${write(octets)}`);
  }
});

test('addresses of IPv6 that are no host of the internet are refused', () => {
  const none = ['::', '::1', 'fe80::1', 'febf::1', 'fec0::1', 'fc00::1', 'fd12:3456::1', 'ff02::1', '100::1'];
  for (const address of [...none, '2001:db8::1', '3fff::1', '5f00::1', '4000::1', '64:ff9c::1'])
    assert.equal(reaches(address), false, address);
});

test('public addresses are reached, by NAT64 too, which is all that a network without IPv4 has', () => {
  for (const octets of PUBLIC) {
    assert.equal(reaches(FORMS.plain?.(octets) ?? ''), true, octets.join('.'));
    assert.equal(reaches(FORMS.nat64?.(octets) ?? ''), true, `nat64 ${octets.join('.')}`);
  }
  for (const address of ['2606:4700:4700::1111', '2a00:1450::1', '2001:4860:4860::8888', '3ffe::1'])
    assert.equal(reaches(address), true, address);
});
