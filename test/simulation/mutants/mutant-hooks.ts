import type { RegisterHooksOptions } from 'node:module';

/** A change of one place in one source: what stands there is replaced while the source is loaded. */
export interface Patch {
  /** From the root of the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const ROOT = new URL('../../../', import.meta.url).href;

/** Hooks for `node:module` that apply patches. A patch that does not fit exactly one place is an error. */
export function mutantHooks(patches: readonly Patch[]): RegisterHooksOptions {
  return {
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const own = patches.filter(({ file }) => url === `${ROOT}${file}`);
      if (own.length === 0) return loaded;
      const source = Buffer.from(loaded.source as Uint8Array | string).toString();
      return { ...loaded, source: own.reduce(applied, source) };
    },
  };
}

/**
 * The source with a patch applied.
 *
 * @throws Error where the patch fits nowhere, or in several places
 */
export function applied(source: string, { file, find, replace }: Patch): string {
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`a mutant fits ${places} places of ${file}: ${find}`);
  return source.replace(find, () => replace);
}
