import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { stackTemplate, type StackTemplate } from './stack-template.ts';

/** What another state of the sources left behind is removed after this. */
const KEPT_FOR_MS = 24 * 60 * 60 * 1_000;

/**
 * @param sources files and folders, from the root
 * @param purpose what is made of them
 * @returns a hash of it, and of the names and contents of the sources
 */
export async function hashOfSources(
  root: string,
  sources: readonly string[],
  purpose: string,
): Promise<string> {
  const hash = createHash('sha256').update(`${purpose}\n`);
  const files = await Promise.all(sources.map((source) => filesOf(path.join(root, source))));
  for (const file of files.flat().sort()) {
    const content = await readFile(file);
    hash.update(`${path.relative(root, file)}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

async function filesOf(fileOrFolder: string): Promise<string[]> {
  if (!(await stat(fileOrFolder)).isDirectory()) return [fileOrFolder];
  const entries = await readdir(fileOrFolder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * Templates by the hash of the sources that they were made of, each set in one file, which is there as a whole or not
 * at all: several processes may use the folder at the same time.
 */
export class TemplateCache {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @returns undefined where there are none, or none that can be read */
  async read(hash: string): Promise<readonly StackTemplate[] | undefined> {
    try {
      return z.array(stackTemplate).parse(JSON.parse(await readFile(this.#file(hash), 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Never fails: templates that are not kept cost the next start their making, and nothing else. */
  async write(hash: string, templates: readonly StackTemplate[]): Promise<void> {
    const unfinished = `${this.#file(hash)}.${process.pid}`;
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(unfinished, JSON.stringify(templates));
      await rename(unfinished, this.#file(hash));
      await this.#removeOld();
    } catch {
      // Such as a read-only checkout.
    }
  }

  async #removeOld(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const file = path.join(this.#folder, name);
      const { mtimeMs } = await stat(file);
      if (Date.now() - mtimeMs > KEPT_FOR_MS) await rm(file, { force: true });
    }
  }

  #file(hash: string): string {
    return path.join(this.#folder, `${hash}.json`);
  }
}
