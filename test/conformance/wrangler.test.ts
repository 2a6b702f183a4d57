import { OWN_WRANGLER } from './wrangler.js';
import { tellWranglerStory } from './wrangler-story.js';

await tellWranglerStory(OWN_WRANGLER);
