import { DEFAULT_PSP_ACCOUNT } from '#contract/psp-accounts';

import { MAXIMUM_AMOUNT_MINOR } from '../http/charge-request-schema.ts';
import type { Clock } from '../platform/clock.ts';
import { newApiKey } from './new-api-key.ts';
import type {
  RegisteredApiKey,
  RegisteredTenant,
  Retirement,
  TenantChange,
  TenantRegistry,
} from './tenant-registry.ts';
import type { Tenant } from './tenant.ts';
import type { TenantSettings, TenantsArguments } from './tenants-arguments.ts';

export interface TenantsSurroundings {
  readonly registry: TenantRegistry;
  readonly clock: Clock;
  /** Takes what was asked for: the key, once, or the list. */
  readonly print: (line: string) => void;
  /** Takes what was done; apart, so that a key can be taken from the output. */
  readonly note: (line: string) => void;
}

/** Why nothing was done, for people. */
export class TenantsCommandError extends Error {
  override readonly name = 'TenantsCommandError';
}

/** So that a key can be replaced without a moment in which none is valid, and no more than that. */
const MAXIMUM_LIVE_KEYS = 2;
/** As DynamoTenantDirectory remembers a key and its tenant. */
const NOTICED = 'tasks notice it within 30 seconds (one that does not reach DynamoDB: within 5 minutes)';

type Of<Command extends TenantsArguments['command']> = TenantsArguments & { readonly command: Command };

/**
 * Runs the command. Whatever it changes, it changes as a whole or not at all.
 *
 * @returns whether everything that was asked for was done, and everything could be read
 * @throws TenantsCommandError for people; MalformedItemError; StoreUnavailableError
 */
export async function runTenantsCommand(
  args: TenantsArguments,
  around: TenantsSurroundings,
): Promise<boolean> {
  switch (args.command) {
    case 'list':
      return list(args, around);
    case 'create':
      await create(args, around);
      return true;
    case 'update':
      await update(args, around);
      return true;
    case 'rotate-key':
      await rotateKey(args, around);
      return true;
    case 'retire-key':
      await retireKey(args, around);
      return true;
    case 'disable':
    case 'enable':
      await setDisabled(args, around);
      return true;
  }
}

async function create(
  { tenantId, settings, dryRun }: Of<'create'>,
  { registry, print, note }: TenantsSurroundings,
): Promise<void> {
  const tenant: Tenant = withSettings(
    {
      ...{ tenantId, pspName: settings.pspName, pspAccount: DEFAULT_PSP_ACCOUNT, currencies: undefined },
      ...{ maximumAmountMinor: MAXIMUM_AMOUNT_MINOR, disabled: false },
    },
    settings,
  );
  if ((await registry.find(tenantId)) !== undefined) throw alreadyThere(tenantId);
  if (dryRun) {
    note(`would create ${descriptionOf(tenant)}`);
    return;
  }
  const apiKey = newApiKey();
  if ((await registry.create(tenant, apiKey)) === 'conflict') throw alreadyThere(tenantId);
  print(apiKey);
  note(`created ${descriptionOf(tenant)}`);
  note(
    'the line above on standard output is its API key: it is shown this once, and stored as a digest only',
  );
}

async function update(
  { tenantId, settings, dryRun }: Of<'update'>,
  around: TenantsSurroundings,
): Promise<void> {
  const standing = await find(around.registry, tenantId);
  const tenant = withSettings(standing.tenant, settings);
  if (dryRun) {
    around.note(`would make it ${descriptionOf(tenant)}`);
    return;
  }
  await change(around, standing, { tenant });
  around.note(`it is now ${descriptionOf(tenant)}; ${NOTICED}`);
  const { pspName, pspAccount } = standing.tenant;
  if (tenant.pspName !== pspName || tenant.pspAccount !== pspAccount) {
    around.note(
      `charges that were accepted before stay with ${pspName}, account ${pspAccount}: keep its credentials until they have ended, and a day longer`,
    );
  }
}

async function rotateKey(
  { tenantId, retireOldInSeconds, dryRun }: Of<'rotate-key'>,
  around: TenantsSurroundings,
): Promise<void> {
  const standing = await find(around.registry, tenantId);
  const live = liveKeys(standing, around.clock);
  if (live.length >= MAXIMUM_LIVE_KEYS) {
    throw new TenantsCommandError(
      `${tenantId} has ${live.length} live keys (${live.map(nameOf).join(', ')}); retire one first: retire-key ${tenantId}`,
    );
  }
  const [old] = live;
  const retirement = old === undefined ? undefined : retirementOf(old, retireOldInSeconds, around.clock);
  if (dryRun) {
    around.note(`would make a key for ${tenantId}${oldKeyNote(old, retirement)}`);
    return;
  }
  const apiKey = newApiKey();
  await change(around, standing, {
    newApiKey: apiKey,
    ...(retirement === undefined ? {} : { retirement }),
  });
  around.print(apiKey);
  around.note(`made a key for ${tenantId}${oldKeyNote(old, retirement)}`);
  around.note('the line above on standard output is it: it is shown this once, and stored as a digest only');
}

async function retireKey(
  { tenantId, apiKeyId, inSeconds, dryRun }: Of<'retire-key'>,
  around: TenantsSurroundings,
): Promise<void> {
  const standing = await find(around.registry, tenantId);
  const live = liveKeys(standing, around.clock);
  const apiKey = apiKeyId === undefined ? olderOf(tenantId, live) : keyNamed(tenantId, live, apiKeyId);
  const retirement = retirementOf(apiKey, inSeconds, around.clock);
  if (retirement === undefined) throw new Error('a retirement without its moment');
  const others = live.filter((key) => key !== apiKey);
  const rest = others.length === 0 ? 'no key is left then' : `${others.map(nameOf).join(', ')} stays`;
  const what = `${nameOf(apiKey)} of ${tenantId}, from ${momentOf(retirement.atEpochSeconds)} on; ${rest}`;
  if (dryRun) {
    around.note(`would retire ${what}`);
    return;
  }
  await change(around, standing, { retirement });
  around.note(`retired ${what}; ${NOTICED}`);
}

async function setDisabled(
  { command, tenantId, dryRun }: Of<'disable' | 'enable'>,
  around: TenantsSurroundings,
): Promise<void> {
  const standing = await find(around.registry, tenantId);
  const disabled = command === 'disable';
  if (standing.tenant.disabled === disabled) {
    around.note(`${tenantId} is ${command}d already`);
    return;
  }
  if (dryRun) {
    around.note(`would ${command} ${tenantId}`);
    return;
  }
  await change(around, standing, { tenant: { ...standing.tenant, disabled } });
  around.note(`${command}d ${tenantId}; ${NOTICED}`);
  if (disabled) around.note('charges that were accepted before go on to their end');
}

async function list(
  { tenantId, json }: Of<'list'>,
  { registry, clock, print, note }: TenantsSurroundings,
): Promise<boolean> {
  const { tenants, problems } = await registry.list();
  const chosen = tenants.filter(({ tenant }) => tenantId === undefined || tenant.tenantId === tenantId);
  if (tenantId !== undefined && chosen.length === 0 && problems.length === 0) throw notThere(tenantId);
  for (const registered of chosen) {
    const keys = liveKeys(registered, clock);
    if (json) print(JSON.stringify(jsonOf(registered, keys)));
    else printTenant(registered, keys, print);
  }
  for (const problem of problems) note(problem);
  if (!json && chosen.length === 0) note('there are no tenants');
  return problems.length === 0;
}

function printTenant(
  { tenant, apiKeys }: RegisteredTenant,
  live: readonly RegisteredApiKey[],
  print: (line: string) => void,
): void {
  const retired = apiKeys.length - live.length;
  print(`${descriptionOf(tenant)}${tenant.disabled ? ': DISABLED' : ''}`);
  for (const key of live) {
    const until = key.expiresAtEpochSeconds;
    const end = until === undefined ? '' : `, until ${momentOf(until)}`;
    print(`  ${nameOf(key)}, made ${key.createdAt}${end}`);
  }
  if (live.length === 0) print('  no live key');
  if (retired > 0) print(`  ${retired} retired`);
}

function jsonOf({ tenant }: RegisteredTenant, live: readonly RegisteredApiKey[]): object {
  return {
    tenant_id: tenant.tenantId,
    psp: tenant.pspName,
    psp_account: tenant.pspAccount,
    currencies: tenant.currencies ?? null,
    maximum_amount_minor: tenant.maximumAmountMinor,
    disabled: tenant.disabled,
    keys: live.map(({ apiKeyId, createdAt, expiresAtEpochSeconds: until }) => ({
      id: apiKeyId,
      created_at: createdAt,
      expires_at: until === undefined ? null : momentOf(until),
    })),
  };
}

async function find(registry: TenantRegistry, tenantId: string): Promise<RegisteredTenant> {
  const standing = await registry.find(tenantId);
  if (standing === undefined) throw notThere(tenantId);
  return standing;
}

async function change(
  { registry }: TenantsSurroundings,
  standing: RegisteredTenant,
  wanted: TenantChange,
): Promise<void> {
  if ((await registry.change(standing, wanted)) === 'written') return;
  const { tenantId } = standing.tenant;
  throw new TenantsCommandError(
    `somebody else has changed ${tenantId} meanwhile, and nothing was written: look at it, and run this again`,
  );
}

function withSettings(tenant: Tenant, { currencies, ...settings }: TenantSettings): Tenant {
  return {
    ...tenant,
    ...settings,
    ...(currencies === undefined ? {} : { currencies: currencies === 'all' ? undefined : currencies }),
  };
}

function liveKeys({ apiKeys }: RegisteredTenant, clock: Clock): RegisteredApiKey[] {
  const nowMs = clock.nowEpochMs();
  return apiKeys.filter(({ expiresAtEpochSeconds: until }) => until === undefined || until * 1_000 > nowMs);
}

function olderOf(tenantId: string, live: readonly RegisteredApiKey[]): RegisteredApiKey {
  const [older, ...newer] = live;
  if (older === undefined) throw new TenantsCommandError(`${tenantId} has no live key`);
  if (newer.length > 0) return older;
  throw new TenantsCommandError(
    `${nameOf(older)} is the only live key of ${tenantId}: rotate-key first, or say --key ${older.apiKeyId} to leave it none`,
  );
}

function keyNamed(tenantId: string, live: readonly RegisteredApiKey[], apiKeyId: string): RegisteredApiKey {
  const [found, ...more] = live.filter(({ itemId }) => itemId.includes(`#${apiKeyId}`));
  if (found !== undefined && more.length === 0) return found;
  const names = live.map(nameOf).join(', ') || 'none';
  throw new TenantsCommandError(`${tenantId} has no live key ${apiKeyId}; there are: ${names}`);
}

function retirementOf(
  apiKey: RegisteredApiKey,
  inSeconds: number | undefined,
  clock: Clock,
): Retirement | undefined {
  if (inSeconds === undefined) return undefined;
  const atEpochSeconds = Math.floor(clock.nowEpochMs() / 1_000) + inSeconds;
  // A key that ends sooner is not given more time.
  return { apiKey, atEpochSeconds: Math.min(atEpochSeconds, apiKey.expiresAtEpochSeconds ?? Infinity) };
}

function oldKeyNote(old: RegisteredApiKey | undefined, retirement: Retirement | undefined): string {
  if (old === undefined) return '; it had none';
  return retirement === undefined
    ? `; ${nameOf(old)} stays valid until retire-key`
    : `; ${nameOf(old)} stays valid until ${momentOf(retirement.atEpochSeconds)}`;
}

function descriptionOf({ tenantId, pspName, pspAccount, currencies, maximumAmountMinor }: Tenant): string {
  const inCurrencies = currencies === undefined ? 'every currency' : currencies.join(', ');
  return `${tenantId} (${pspName}, account ${pspAccount}, up to ${maximumAmountMinor} in ${inCurrencies})`;
}

function nameOf({ apiKeyId }: RegisteredApiKey): string {
  return `key ${apiKeyId}`;
}

function momentOf(epochSeconds: number): string {
  return new Date(epochSeconds * 1_000).toISOString();
}

function alreadyThere(tenantId: string): TenantsCommandError {
  return new TenantsCommandError(`there is a tenant ${tenantId} already, and it was left as it is`);
}

function notThere(tenantId: string): TenantsCommandError {
  return new TenantsCommandError(`there is no tenant ${tenantId}`);
}
