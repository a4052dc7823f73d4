import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

import { z } from 'zod';

import { LOCAL_ACCOUNT } from './local-account.ts';
import { replaceFile } from './replace-file.ts';

const CURRENT = 'AWSCURRENT';
const PREVIOUS = 'AWSPREVIOUS';
/** Versions without a label are deprecated: AWS deletes them some day, and here the oldest of them go. */
const MOST_DEPRECATED = 20;
/** What Secrets Manager puts behind the name in an ARN, so that a secret of the same name made later is another one. */
const ARN_SUFFIX_LENGTH = 6;

const secretVersion = z.object({
  versionId: z.string(),
  text: z.string(),
  labels: z.array(z.string()),
  createdAtEpochSeconds: z.number(),
});
const secret = z.object({ name: z.string(), arn: z.string(), versions: z.array(secretVersion) });
const secretFile = z.object({ secrets: z.array(secret) });

export type StoredVersion = z.infer<typeof secretVersion>;
export type StoredSecret = z.infer<typeof secret>;

/** As Secrets Manager answers, with AWS's own name of the error. */
export class SecretsManagerError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface StoredSecretsOptions {
  readonly region: string;
  /** Absent: in memory. */
  readonly dataFile?: string | undefined;
}

/** Secrets with their versions, and the labels that a rotation moves, by the rules of AWS Secrets Manager. */
export class StoredSecrets {
  readonly #region: string;
  readonly #dataFile: string | undefined;
  readonly #secrets: StoredSecret[];

  constructor({ region, dataFile }: StoredSecretsOptions) {
    this.#region = region;
    this.#dataFile = dataFile;
    const isThere = dataFile !== undefined && existsSync(dataFile);
    this.#secrets = isThere ? secretFile.parse(JSON.parse(readFileSync(dataFile, 'utf8'))).secrets : [];
  }

  /** @throws SecretsManagerError */
  create(name: string, text: string, versionId: string = randomUUID()): [StoredSecret, StoredVersion] {
    if (this.#secrets.some((other) => other.name === name)) {
      throw new SecretsManagerError('ResourceExistsException', `The secret ${name} already exists.`);
    }
    const suffix = randomBytes(ARN_SUFFIX_LENGTH).toString('base64url').slice(0, ARN_SUFFIX_LENGTH);
    const arn = `arn:aws:secretsmanager:${this.#region}:${LOCAL_ACCOUNT}:secret:${name}-${suffix}`;
    const created: StoredSecret = { name, arn, versions: [] };
    this.#secrets.push(created);
    return [created, this.#add(created, versionId, text, [CURRENT])];
  }

  /** @throws SecretsManagerError */
  find(nameOrArn: string): StoredSecret {
    const found = this.#secrets.find(
      ({ name, arn }) =>
        nameOrArn === name || nameOrArn === arn || nameOrArn === arn.slice(0, -(ARN_SUFFIX_LENGTH + 1)),
    );
    if (found !== undefined) return found;
    throw new SecretsManagerError(
      'ResourceNotFoundException',
      "Secrets Manager can't find the specified secret.",
    );
  }

  /** @throws SecretsManagerError */
  version(stored: StoredSecret, versionId: string | undefined, label: string | undefined): StoredVersion {
    const wanted = versionId === undefined ? (label ?? CURRENT) : label;
    const found = stored.versions.find(
      (version) =>
        (versionId === undefined || version.versionId === versionId) &&
        (wanted === undefined || version.labels.includes(wanted)),
    );
    if (found !== undefined) return found;
    throw new SecretsManagerError(
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret value for ${versionId === undefined ? 'staging label' : 'VersionId'}: ${versionId ?? wanted ?? ''}`,
    );
  }

  /**
   * Adds a version; said again with the same id, it changes nothing.
   *
   * @throws SecretsManagerError
   */
  put(
    stored: StoredSecret,
    text: string,
    labels: readonly string[] = [CURRENT],
    versionId: string = randomUUID(),
  ): StoredVersion {
    const known = stored.versions.find((version) => version.versionId === versionId);
    if (known === undefined) return this.#add(stored, versionId, text, labels);
    if (known.text === text) return known;
    throw new SecretsManagerError(
      'ResourceExistsException',
      `You can't use ClientRequestToken ${versionId} because that value is already in use for a version of secret ${stored.arn}.`,
    );
  }

  /** @throws SecretsManagerError */
  moveLabel(
    stored: StoredSecret,
    label: string,
    removeFromVersionId: string | undefined,
    moveToVersionId: string | undefined,
  ): void {
    const holder = stored.versions.find(({ labels }) => labels.includes(label));
    if (holder !== undefined && holder.versionId !== (removeFromVersionId ?? moveToVersionId)) {
      throw new SecretsManagerError(
        'InvalidParameterException',
        `The parameter RemoveFromVersionId must be ${holder.versionId}: the staging label ${label} is attached to it.`,
      );
    }
    if (moveToVersionId === undefined && label === CURRENT) {
      throw new SecretsManagerError(
        'InvalidParameterException',
        `You can only move ${CURRENT} to another version.`,
      );
    }
    const target =
      moveToVersionId === undefined ? undefined : this.version(stored, moveToVersionId, undefined);
    if (target === undefined) detach(stored, label);
    else attach(stored, label, target);
    this.#save(stored);
  }

  #add(stored: StoredSecret, versionId: string, text: string, labels: readonly string[]): StoredVersion {
    const added: StoredVersion = { versionId, text, labels: [], createdAtEpochSeconds: Date.now() / 1_000 };
    stored.versions.push(added);
    for (const label of labels) attach(stored, label, added);
    this.#save(stored);
    return added;
  }

  #save(changed: StoredSecret): void {
    const deprecated = changed.versions.filter(({ labels }) => labels.length === 0);
    const dropped = new Set(deprecated.slice(0, -MOST_DEPRECATED));
    changed.versions = changed.versions.filter((version) => !dropped.has(version));
    if (this.#dataFile !== undefined) replaceFile(this.#dataFile, { secrets: this.#secrets });
  }
}

/** A label has one version; what AWSCURRENT is taken from becomes AWSPREVIOUS. */
function attach(stored: StoredSecret, label: string, to: StoredVersion): void {
  const from = stored.versions.find(({ labels }) => labels.includes(label));
  if (from === to) return;
  detach(stored, label);
  to.labels.push(label);
  if (label === CURRENT && from !== undefined) attach(stored, PREVIOUS, from);
}

function detach(stored: StoredSecret, label: string): void {
  for (const version of stored.versions) version.labels = version.labels.filter((other) => other !== label);
}
