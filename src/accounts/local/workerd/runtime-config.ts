import { SidecarError, type WorkerBinding } from '../../../protocol/index.js';
import type { RuntimeWorker } from '../runtime.js';
import { bool, type ConfigValue, configFile, embed, list, struct, text } from './config-text.js';
import type { DanglingEntrypoints } from './dangling-entrypoints.js';
import { CF_HEADER, PROTOCOL_HEADER } from './http-head.js';
import { PUBLIC_NETWORK } from './public-network.js';
import { WORKER_SERVICE_PREFIX } from './service-names.js';
import {
  EMAIL_MODULE,
  MISSING_SERVICE_SOURCE,
  NO_CACHE_SOURCE,
  NO_NETWORK_SOURCE,
  RESOURCE_HEADER,
  TRACE_COLLECTOR_SOURCE,
} from './sources.js';

export interface RuntimeConfigOptions {
  workers: readonly RuntimeWorker[];
  /** Socket of the storage process. */
  storageSocket: string;
  /** Socket of Node's server for trace events. */
  traceSocket: string;
  /** Where this process's own sockets are to be. */
  folder: string;
  allowNetwork: boolean;
  /** Newest compatibility date that may be used, `YYYY-MM-DD`; later ones are lowered to it. */
  newestDate: string;
  /** The service bindings whose entrypoint is not there. */
  dangling: Pick<DanglingEntrypoints, 'has'>;
}

export interface RuntimeConfig {
  configText: string;
  /** The files that the text embeds, by name. */
  files: Map<string, Uint8Array>;
  /** Socket path by Worker name. */
  workerSockets: Map<string, string>;
  controlSocket: string;
  socketNames: string[];
  /** What was not done as asked, one sentence each. */
  warnings: string[];
}

const OWN_DATE = '2026-01-01';
const SOURCEMAP = 'sourcemap';

type RuntimeModule = RuntimeWorker['modules'][number];

/** The configuration of one generation: every Worker, what it is bound to, and the trace collector. */
export function runtimeConfig(options: RuntimeConfigOptions): RuntimeConfig {
  const builder = new RuntimeConfigBuilder(options);
  for (const worker of options.workers) builder.addWorker(worker);
  return builder.finish();
}

class RuntimeConfigBuilder {
  readonly #files = new Map<string, Uint8Array>();
  readonly #services = new Map<string, ConfigValue>();
  readonly #sockets: ConfigValue[] = [];
  readonly #workerSockets = new Map<string, string>();
  readonly #socketNames: string[] = [];
  readonly #warnings: string[] = [];
  readonly #deployed: ReadonlySet<string>;

  constructor(private readonly options: RuntimeConfigOptions) {
    this.#deployed = new Set(options.workers.map((worker) => worker.name));
    this.#addOwn('no-cache', NO_CACHE_SOURCE);
    if (options.allowNetwork) {
      // workerd makes a service of this name by itself; written out, it is narrower.
      this.#addService(
        'internet',
        'network',
        struct({
          allow: list(PUBLIC_NETWORK.allow.map(text)),
          deny: list(PUBLIC_NETWORK.deny.map(text)),
          tlsOptions: struct({ trustBrowserCas: bool(true) }),
        }),
      );
    } else {
      this.#addOwn('no-network', NO_NETWORK_SOURCE);
    }
    this.#addExternal('node', options.traceSocket);
    this.#addOwn('trace-collector', TRACE_COLLECTOR_SOURCE, [
      struct({ name: text('NODE'), service: text('node') }),
    ]);
    this.#addSocket('control', 'trace-collector', 'control.sock');
  }

  addWorker(worker: RuntimeWorker): void {
    const service = WORKER_SERVICE_PREFIX + worker.name;
    this.#addService(
      service,
      'worker',
      struct({
        ...this.#code(worker),
        compatibilityDate: text(this.#date(worker)),
        compatibilityFlags: list(worker.compatibilityFlags.map(text)),
        globalOutbound: text(this.options.allowNetwork ? 'internet' : 'no-network'),
        cacheApiOutbound: text('no-cache'),
        tails: list([
          struct({
            name: text('trace-collector'),
            props: struct({ json: text(JSON.stringify({ worker: worker.name })) }),
          }),
        ]),
      }),
    );
    this.#workerSockets.set(worker.name, this.#addSocket(service, service, `${this.#sockets.length}.sock`));
  }

  finish(): RuntimeConfig {
    return {
      configText: configFile(
        struct({
          services: list([...this.#services.values()]),
          sockets: list(this.#sockets),
          extensions: list([struct({ modules: list([emailModule()]) })]),
        }),
      ),
      files: this.#files,
      workerSockets: this.#workerSockets,
      controlSocket: `${this.options.folder}/control.sock`,
      socketNames: this.#socketNames,
      warnings: this.#warnings,
    };
  }

  #code(worker: RuntimeWorker): Record<string, ConfigValue> {
    const [main, ...others] = this.#modules(worker);
    const bindings = worker.bindings.map((binding) => this.#binding(worker, binding));
    if (main?.type === 'commonjs') {
      // The service-worker format: a script, which sees the other files as globals.
      return {
        serviceWorkerScript: this.#embed(main),
        bindings: list([...bindings, ...others.flatMap((module) => this.#global(module))]),
      };
    }
    const modules = [main, ...others].flatMap((module) =>
      module ? [struct({ name: text(module.name), [MODULE_FIELDS[module.type]]: this.#embed(module) })] : [],
    );
    return { modules: list(modules), bindings: list(bindings) };
  }

  #embed(module: RuntimeModule): ConfigValue {
    const file = `module-${this.#files.size}`;
    this.#files.set(file, module.content);
    return embed(file);
  }

  #global(module: RuntimeModule): ConfigValue[] {
    if (!(module.type in GLOBAL_FIELDS)) return [];
    const field = GLOBAL_FIELDS[module.type as keyof typeof GLOBAL_FIELDS];
    return [struct({ name: text(module.name), [field]: this.#embed(module) })];
  }

  /** The main module comes first: workerd takes that one as the entry point. */
  #modules(worker: RuntimeWorker): RuntimeModule[] {
    const modules = worker.modules.filter(({ type }) => type !== SOURCEMAP);
    const isMain = ({ name }: { name: string }) => name === worker.mainModule;
    if (!modules.some(isMain)) {
      const detail = `its main module ${worker.mainModule} is not among its modules: ${modules.map(({ name }) => name).join(', ') || 'there are none'}.`;
      throw new SidecarError('script-invalid', `The Worker ${worker.name} was refused: ${detail}`, {
        data: { workerName: worker.name, detail },
      });
    }
    return [...modules.filter(isMain), ...modules.filter((module) => !isMain(module))];
  }

  #date(worker: RuntimeWorker): string {
    const { compatibilityDate: asked } = worker;
    const { newestDate } = this.options;
    // Only a real date is lowered: workerd itself refuses anything else, by name.
    if (!isDate(asked) || asked <= newestDate) return asked;
    this.#warnings.push(
      `Worker ${worker.name} asks for compatibility date ${asked}; the local runtime knows dates up to ${newestDate} and uses that one.`,
    );
    return newestDate;
  }

  #binding(worker: RuntimeWorker, binding: WorkerBinding): ConfigValue {
    const name = text(binding.name);
    switch (binding.type) {
      case 'plain_text':
      case 'secret_text':
        return struct({ name, text: text(binding.text) });
      case 'json':
        return struct({ name, json: text(JSON.stringify(binding.json) ?? 'null') });
      case 'kv_namespace':
        return struct({ name, kvNamespace: text(this.#storage('kv', binding.namespace_id)) });
      case 'r2_bucket':
        return struct({ name, r2Bucket: text(this.#storage('r2', binding.bucket_name)) });
      case 'service':
        return struct({ name, service: this.#serviceTarget(worker, binding) });
    }
  }

  #storage(kind: 'kv' | 'r2', id: string | undefined): string {
    const service = `${kind}:${encodeURIComponent(id ?? '')}`;
    if (!this.#services.has(service)) {
      this.#addExternal(
        service,
        this.options.storageSocket,
        struct({
          injectRequestHeaders: list([struct({ name: text(RESOURCE_HEADER), value: text(service) })]),
        }),
      );
    }
    return service;
  }

  #serviceTarget(
    worker: RuntimeWorker,
    { service, entrypoint, name }: Extract<WorkerBinding, { type: 'service' }>,
  ): ConfigValue {
    const isDeployed = this.#deployed.has(service);
    if (isDeployed && !this.options.dangling.has(worker.name, name)) {
      return struct({
        name: text(WORKER_SERVICE_PREFIX + service),
        // The default one has no name to workerd.
        entrypoint: entrypoint === undefined || entrypoint === 'default' ? undefined : text(entrypoint),
      });
    }
    const why = isDeployed ? `has no entrypoint ${entrypoint}` : 'is not deployed';
    this.#warnings.push(`Worker ${worker.name} is bound to the Worker ${service} as ${name}, which ${why}.`);
    const missing = isDeployed ? `missing:${service}:${entrypoint}` : `missing:${service}`;
    if (!this.#services.has(missing)) {
      const message = `The Worker ${service} of this service binding ${why}.`;
      this.#addOwn(missing, MISSING_SERVICE_SOURCE, [struct({ name: text('MESSAGE'), text: text(message) })]);
    }
    return struct({ name: text(missing) });
  }

  #addOwn(name: string, source: string, bindings: ConfigValue[] = []): void {
    this.#addService(
      name,
      'worker',
      struct({
        modules: list([struct({ name: text('index.js'), esModule: text(source) })]),
        compatibilityDate: text(OWN_DATE),
        bindings: list(bindings),
      }),
    );
  }

  #addExternal(name: string, socketPath: string, http: ConfigValue = struct({})): void {
    this.#addService(name, 'external', struct({ address: text(`unix:${socketPath}`), http }));
  }

  #addService(name: string, kind: 'worker' | 'external' | 'network', value: ConfigValue): void {
    this.#services.set(name, struct({ name: text(name), [kind]: value }));
  }

  /** @returns the socket's path */
  #addSocket(name: string, service: string, fileName: string): string {
    const path = `${this.options.folder}/${fileName}`;
    const http = struct({ forwardedProtoHeader: text(PROTOCOL_HEADER), cfBlobHeader: text(CF_HEADER) });
    this.#sockets.push(
      struct({ name: text(name), address: text(`unix:${path}`), http, service: text(service) }),
    );
    this.#socketNames.push(name);
    return path;
  }
}

function emailModule(): ConfigValue {
  return struct({
    name: text(EMAIL_MODULE.name),
    internal: bool(true),
    esModule: text(EMAIL_MODULE.source),
  });
}

function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

/** How a file is bound to a service worker. */
const GLOBAL_FIELDS = { wasm: 'wasmModule', text: 'text', data: 'data' } as const;

const MODULE_FIELDS = {
  esm: 'esModule',
  commonjs: 'commonJsModule',
  text: 'text',
  json: 'json',
  data: 'data',
  wasm: 'wasm',
  sourcemap: 'text',
} as const;
