import { registerHooks } from 'node:module';

import { mutantHooks } from '../simulation/mutants/mutant-hooks.ts';
import { patchesOf } from '../simulation/mutants/mutants.ts';

/** Preloaded (`--import`) into the gateway's processes of a run with a mutant, and into nothing else. */
registerHooks(mutantHooks(patchesOf(process.env.CHAOS_MUTANT ?? '')));
