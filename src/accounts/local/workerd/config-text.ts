/**
 * Writes values of Cap'n Proto's text format (https://capnproto.org/language.html), enough of it for workerd's
 * configuration. A value is its finished text: nothing here needs to be escaped a second time.
 */
export type ConfigValue = string & { readonly configValue: unique symbol };

/** A Text literal. Everything but printable ASCII becomes `\xHH`, a byte of its UTF-8 each. */
export function text(value: string): ConfigValue {
  let literal = '"';
  for (const byte of new TextEncoder().encode(value)) {
    if (byte === 0x22 || byte === 0x5c) literal += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) literal += String.fromCharCode(byte);
    else literal += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `${literal}"` as ConfigValue;
}

/** The content of a file, as Text or Data; the path is relative to the configuration file. */
export function embed(path: string): ConfigValue {
  return `embed ${text(path)}` as ConfigValue;
}

/** `true` or `false`. */
export function bool(value: boolean): ConfigValue {
  return String(value) as ConfigValue;
}

export function list(values: readonly ConfigValue[]): ConfigValue {
  return `[${values.join(', ')}]` as ConfigValue;
}

/** A struct, its fields in the order given; fields whose value is undefined are left out. */
export function struct(fields: Readonly<Record<string, ConfigValue | undefined>>): ConfigValue {
  const written = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `(${written.map(([name, value]) => `${name} = ${value}`).join(', ')})` as ConfigValue;
}

/** A whole configuration file with one constant named `config`. */
export function configFile(config: ConfigValue): string {
  return `using Workerd = import "/workerd/workerd.capnp";\nconst config :Workerd.Config = ${config};\n`;
}
