import { registerHooks } from 'node:module';

import { patchesOf } from './mutants/mutants.ts';
import { mutantHooks } from './mutants/mutant-hooks.ts';

/**
 * One process of a campaign. What breaks a rule on purpose is patched into the sources while they are loaded, before
 * anything else is: the sources themselves know nothing of it, so that it can be in no image.
 */
const names = process.argv.slice(2);
if (names.length > 0) registerHooks(mutantHooks(names.flatMap(patchesOf)));
// Nobody reads the stacks of the errors that histories are full of; a replay of one has them.
Error.stackTraceLimit = 0;
const { workOffChunks } = await import('./work-off-chunks.ts');
workOffChunks();
