import { chmodSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isPostgresFolderOutside } from './postgres-home.ts';

/** A fresh folder for a run whose data goes with it. */
export function createTemporaryDataFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  // As root, PostgreSQL runs as another account that must find its own folder in here: it may pass, not look around.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  return folder;
}

/** Removes a data folder with all that belongs to it, PostgreSQL's folder outside included. */
export function removeDataFolder(folder: string): void {
  const outside = linkTarget(path.join(folder, 'postgres'));
  for (const gone of [folder, ...(outside === undefined ? [] : [outside])]) {
    rmSync(gone, { recursive: true, force: true, maxRetries: 5 });
  }
}

function linkTarget(link: string): string | undefined {
  try {
    const target = readlinkSync(link);
    return isPostgresFolderOutside(target) ? target : undefined;
  } catch {
    return undefined;
  }
}
