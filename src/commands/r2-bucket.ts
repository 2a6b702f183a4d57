import { type Command, methodCommand } from './command.js';
import { oneOf } from './one-of.js';
import { table } from './table.js';

const NAME = { name: 'name', description: "the bucket's name" };
const LOCATIONS = ['apac', 'eeur', 'enam', 'weur', 'wnam', 'oc'] as const;
const STORAGE_CLASSES = ['Standard', 'InfrequentAccess'] as const;

const list = methodCommand({
  path: ['r2', 'bucket', 'list'],
  method: 'dashboard.listR2Buckets',
  examples: ['r2 bucket list'],
  print: (buckets, { print, terminal }) =>
    print(
      table(
        ['NAME', 'CREATED', 'LOCATION', 'STORAGE CLASS'],
        buckets.map(({ name, creationDate, location, storageClass }) => [
          name,
          creationDate,
          location,
          storageClass,
        ]),
        terminal.width,
      ),
    ),
});

const create = methodCommand({
  path: ['r2', 'bucket', 'create'],
  method: 'dashboard.createR2Bucket',
  arguments: [NAME],
  options: [
    { flags: '--location <hint>', description: LOCATIONS.join(', ') },
    { flags: '--storage-class <class>', description: STORAGE_CLASSES.join(' or ') },
  ],
  examples: ['r2 bucket create photos', 'r2 bucket create photos --location weur'],
  params: (input) => ({
    name: input.argument('name'),
    locationHint: oneOf(LOCATIONS, 'location', input.text('location')),
    storageClass: oneOf(STORAGE_CLASSES, 'storage-class', input.text('storageClass')),
  }),
  print: ({ bucket }, { print }) => print(`Created the bucket ${bucket.name}.\n`),
});

const remove = methodCommand({
  path: ['r2', 'bucket', 'delete'],
  method: 'dashboard.deleteR2Bucket',
  arguments: [NAME],
  examples: ['r2 bucket delete photos'],
  deletes: (input) => `the bucket ${input.argument('name')}`,
  params: (input) => ({ name: input.argument('name') }),
  print: (_, { print }, input) => print(`Deleted the bucket ${input.argument('name')}.\n`),
});

export const r2BucketCommands: readonly Command[] = [list, create, remove];
