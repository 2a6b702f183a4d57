export { type OpenAccountOptions, openAccount } from './open-account.js';
