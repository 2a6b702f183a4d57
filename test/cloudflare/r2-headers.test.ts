import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromHeaderText, toHeaderText } from '../../src/cloudflare/header-text.js';
import { httpMetadataHeaders, httpMetadataOf } from '../../src/cloudflare/r2-headers.js';

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\0', '\r', '\n', '\t', ' ', 'é', 'Ã', '\x7f', '\x85', '日', '\ufeff', 'a'),
  }),
);

test('any text of HTTP metadata comes out of its headers as it went in', () => {
  const fields = fc.record(
    {
      contentType: anyText,
      contentLanguage: anyText,
      contentDisposition: anyText,
      contentEncoding: anyText,
      cacheControl: anyText,
      cacheExpiry: fc
        .date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true })
        .map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000).toISOString()),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fields, (metadata) => {
      assert.deepEqual(httpMetadataOf(new Headers(httpMetadataHeaders(metadata))), { ...metadata });
    }),
  );
});

test('a header holds the UTF-8 of a text, and what is none is read as Latin-1', () => {
  assert.equal(toHeaderText('日'), 'æ\u0097¥');
  assert.equal(fromHeaderText('æ\u0097¥'), '日');
  assert.equal(fromHeaderText('caf\xe9'), 'café');
  assert.throws(() => httpMetadataHeaders({ cacheExpiry: 'soon' }), { code: 'invalid-params' });
});
