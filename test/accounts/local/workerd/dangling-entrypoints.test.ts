import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture, invokeText, worker } from './runtime-fixture.js';

const entrypoints = (name: string, ...exported: string[]) =>
  worker(
    name,
    `import { WorkerEntrypoint } from 'cloudflare:workers';
${exported.map((one) => `export class ${one} extends WorkerEntrypoint { fetch() { return new Response('${one} of ${name}'); } add(a) { return a + 1; } }`).join('\n')}
export default { fetch: () => new Response('default of ${name}') };`,
  );

/** Asks each of its bindings for a response, a method and a property, and answers with what came. */
const caller = (name: string, bindings: Record<string, [service: string, entrypoint?: string]>) =>
  worker(
    name,
    `export default { async fetch(request, env) {
      const said = [];
      for (const binding of Object.values(env)) {
        for (const ask of [() => binding.fetch('http://x/').then((r) => r.text()), () => binding.add(1)]) {
          try { said.push(String(await ask())); } catch (error) { said.push(error.message); }
        }
      }
      return new Response(said.join('; '));
    } };`,
    {
      bindings: Object.entries(bindings).map(([binding, [service, entrypoint]]) => ({
        type: 'service' as const,
        name: binding,
        service,
        ...(entrypoint !== undefined && { entrypoint }),
      })),
    },
  );

test('a Worker is redeployed without an entrypoint that others are bound to; the binding fails in words until it is back', async (context) => {
  const { runtime, logged } = await fixture(context);
  const first = caller('first', { A: ['api', 'Admin'] });
  const second = caller('second', { B: ['api', 'Admin'], C: ['api', 'User'] });
  const gone = 'The Worker api of this service binding has no entrypoint Admin.';
  await runtime.deploy([entrypoints('api', 'Admin', 'User'), first, second]);
  assert.equal(await invokeText(runtime, 'first'), 'Admin of api; 2');
  await runtime.deploy([entrypoints('api', 'User'), first, second]);
  assert.equal(await invokeText(runtime, 'first'), `${gone}; ${gone}`);
  assert.equal(await invokeText(runtime, 'second'), `${gone}; ${gone}; User of api; 2`);
  assert.equal(logged.filter((line) => /first is bound to .*no entrypoint Admin/.test(line)).length, 1);
  // Nothing of it changes with a deploy of another one, and everything with one of the Worker itself.
  await runtime.deploy([entrypoints('api', 'User'), first, second, entrypoints('other')]);
  assert.equal(await invokeText(runtime, 'first'), `${gone}; ${gone}`);
  await runtime.deploy([entrypoints('api', 'Admin', 'User'), first, second]);
  assert.equal(await invokeText(runtime, 'first'), 'Admin of api; 2');
});

test('a deploy that fails for another reason leaves no binding dangling', async (context) => {
  const { runtime } = await fixture(context);
  const first = caller('first', { A: ['api', 'Admin'] });
  const api = entrypoints('api', 'Admin');
  await runtime.deploy([api, first]);
  const broken = worker('broken', 'export default {');
  await assert.rejects(runtime.deploy([entrypoints('api'), first, broken]), {
    code: 'script-invalid',
    message: /broken was refused/,
  });
  await runtime.deploy([api, first, entrypoints('other')]);
  assert.equal(await invokeText(runtime, 'first'), 'Admin of api; 2');
});

test('a new binding to an entrypoint or a Worker that is not there is deployed, and says so in every use', async (context) => {
  const { runtime } = await fixture(context);
  const bindings: Record<string, [string, string?]> = {
    D: ['api', 'default'],
    E: ['nobody'],
    F: ['nobody', 'Any'],
  };
  for (let n = 0; n < 40; n += 1) bindings[`N${n}`] = ['api', `Gone${n}`];
  await runtime.deploy([entrypoints('api', 'Admin'), caller('many', bindings)]);
  const said = (await invokeText(runtime, 'many')).split('; ');
  assert.equal(said[0], 'default of api');
  assert.deepEqual(
    said.slice(2, 6),
    Array(4).fill('The Worker nobody of this service binding is not deployed.'),
  );
  const gone = said.slice(6);
  assert.equal(gone.length, 80);
  for (const [index, text] of gone.entries()) {
    assert.equal(
      text,
      `The Worker api of this service binding has no entrypoint Gone${Math.floor(index / 2)}.`,
    );
  }
});

test('a Worker that imports cloudflare:email starts, and is told where it makes a message', async (context) => {
  const { runtime } = await fixture(context);
  await runtime.deploy([
    worker(
      'mail',
      `import { EmailMessage } from 'cloudflare:email';
       export default { fetch(request) {
         if (!request.url.endsWith('/mail')) return new Response('no mail');
         try { new EmailMessage('a@b.c', 'd@e.f', ''); } catch (error) { return new Response(error.message); }
       } };`,
    ),
  ]);
  assert.equal(await invokeText(runtime, 'mail'), 'no mail');
  const told = await runtime.invoke('mail', new Request('http://w.local/mail'));
  assert.match(await told.text(), /local account sends and receives no e-mail/);
});

test('an experimental flag is refused without advice that nobody can follow', async (context) => {
  const { runtime } = await fixture(context);
  const asks = worker('w', 'export default { fetch: () => new Response() };', {
    compatibilityFlags: ['experimental'],
  });
  await assert.rejects(runtime.deploy([asks]), (error: Error) => {
    assert.match(error.message, /flag experimental .*The local account has no experimental flags/);
    assert.doesNotMatch(error.message, /command line/);
    return true;
  });
});
