import { parseArgs } from 'node:util';

import { DEFAULT_PSP_ACCOUNT, PSP_NAMES, pspAccountName } from '#contract/psp-accounts';

import { MAXIMUM_AMOUNT_MINOR } from '../http/charge-request-schema.ts';
import { minorUnitDigits } from '../http/currency.ts';

export const TENANTS_USAGE = `usage: npm run tenants -- create <tenant> --psp <psp> [--psp-account <name>]
                              [--currencies <usd,eur>] [--maximum-amount <minor units>] [--dry-run]
       npm run tenants -- update <tenant> [--psp <psp>] [--psp-account <name>]
                              [--currencies <usd,eur|all>] [--maximum-amount <minor units>] [--dry-run]
       npm run tenants -- rotate-key <tenant> [--retire-old-in <now|90m|24h|7d>] [--dry-run]
       npm run tenants -- retire-key <tenant> [--key <id>] [--in <now|90m|24h|7d>] [--dry-run]
       npm run tenants -- disable <tenant> | enable <tenant> [--dry-run]
       npm run tenants -- list [<tenant>] [--json]
  of the latest local run, or with --stage <name> --region <region> of AWS
  <psp>: ${PSP_NAMES.join(' or ')}; an API key is printed once, and nowhere else`;

/** Where the tenants are; absent: the latest local run, or that in DATA_DIR. */
export interface DeployedStage {
  readonly stageName: string;
  readonly region: string;
}

/** What of a tenant was given; `currencies: 'all'` takes a restriction back. */
export interface TenantSettings {
  readonly pspName?: string;
  readonly pspAccount?: string;
  readonly currencies?: readonly string[] | 'all';
  readonly maximumAmountMinor?: number;
}

interface OfOne {
  readonly tenantId: string;
  readonly dryRun: boolean;
}

export type TenantsArguments = { readonly stage: DeployedStage | undefined } & (
  | ({ readonly command: 'create'; readonly settings: TenantSettings & { readonly pspName: string } } & OfOne)
  | ({ readonly command: 'update'; readonly settings: TenantSettings } & OfOne)
  | ({ readonly command: 'rotate-key'; readonly retireOldInSeconds: number | undefined } & OfOne)
  | ({
      readonly command: 'retire-key';
      readonly apiKeyId: string | undefined;
      readonly inSeconds: number;
    } & OfOne)
  | ({ readonly command: 'disable' | 'enable' } & OfOne)
  | { readonly command: 'list'; readonly tenantId: string | undefined; readonly json: boolean }
);

/** Says which argument is wrong, and how. */
export class TenantsArgumentError extends Error {
  override readonly name = 'TenantsArgumentError';
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  stage: text,
  region: text,
  psp: text,
  'psp-account': text,
  currencies: text,
  'maximum-amount': text,
  'retire-old-in': text,
  in: text,
  key: text,
  json: flag,
  'dry-run': flag,
};

type Option = keyof typeof OPTIONS;

/** What each command takes besides the stage. */
const TAKEN = {
  create: ['psp', 'psp-account', 'currencies', 'maximum-amount', 'dry-run'],
  update: ['psp', 'psp-account', 'currencies', 'maximum-amount', 'dry-run'],
  'rotate-key': ['retire-old-in', 'dry-run'],
  'retire-key': ['key', 'in', 'dry-run'],
  disable: ['dry-run'],
  enable: ['dry-run'],
  list: ['json'],
} as const satisfies Record<TenantsArguments['command'], readonly Option[]>;

/** It is part of ids in our tables and of metadata at the PSP. */
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const API_KEY_ID = /^[0-9a-f]{6,64}$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LONGEST_OVERLAP_SECONDS = 30 * 86_400;

/** @throws TenantsArgumentError naming the argument */
export function tenantsArguments(args: readonly string[]): TenantsArguments {
  const { values, positionals } = parse(args);
  const [command, tenantId, ...rest] = positionals;
  if (command === undefined || !isCommand(command)) {
    const commands = Object.keys(TAKEN).join(', ');
    throw new TenantsArgumentError(`the command is ${command ?? 'missing'}, and must be one of ${commands}`);
  }
  if (rest.length > 0) throw new TenantsArgumentError(`${rest.join(' ')}: one tenant at a time`);
  const taken: readonly string[] = [...TAKEN[command], 'stage', 'region'];
  const wrong = Object.keys(values).find((name) => !taken.includes(name));
  if (wrong !== undefined) throw new TenantsArgumentError(`--${wrong} is not of ${command}`);

  const stage = stageOf(values);
  if (tenantId !== undefined && !TENANT_ID.test(tenantId)) {
    throw new TenantsArgumentError(
      `the tenant ${JSON.stringify(tenantId)} must be 1 to 64 letters, digits, "_", "." and "-", a letter or digit first`,
    );
  }
  if (command === 'list') return { command, stage, tenantId, json: values.json ?? false };
  if (tenantId === undefined) throw new TenantsArgumentError(`${command}: the tenant is missing`);
  const common = { stage, tenantId, dryRun: values['dry-run'] ?? false };
  switch (command) {
    case 'create': {
      const settings = settingsOf(values);
      const { pspName, pspAccount = DEFAULT_PSP_ACCOUNT } = settings;
      if (pspName === undefined) throw new TenantsArgumentError('create: --psp is missing');
      return { ...common, command, settings: { ...settings, pspName, pspAccount } };
    }
    case 'update': {
      const settings = settingsOf(values);
      if (Object.keys(settings).length === 0) {
        throw new TenantsArgumentError('update: say what is to be changed');
      }
      return { ...common, command, settings };
    }
    case 'rotate-key': {
      const within = values['retire-old-in'];
      const retireOldInSeconds = within === undefined ? undefined : secondsOf('--retire-old-in', within);
      return { ...common, command, retireOldInSeconds };
    }
    case 'retire-key':
      return {
        ...common,
        command,
        apiKeyId: apiKeyIdOf(values.key),
        inSeconds: secondsOf('--in', values.in ?? 'now'),
      };
    case 'disable':
    case 'enable':
      return { ...common, command };
  }
}

function isCommand(word: string): word is TenantsArguments['command'] {
  return Object.hasOwn(TAKEN, word);
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    // Node's own message names the flag; what follows its first sentence is about positional arguments.
    throw new TenantsArgumentError((error as Error).message.split('. ', 1)[0]);
  }
}

type Values = ReturnType<typeof parse>['values'];

function stageOf({ stage, region }: Values): DeployedStage | undefined {
  if (stage === undefined && region === undefined) return undefined;
  if (stage === undefined) throw new TenantsArgumentError('--region without --stage');
  if (region === undefined) {
    throw new TenantsArgumentError(
      '--stage without --region: give the same one always, or two may change a tenant',
    );
  }
  return { stageName: stage, region };
}

function settingsOf(values: Values): TenantSettings {
  const { psp, 'psp-account': account, currencies, 'maximum-amount': maximum } = values;
  return {
    ...(psp === undefined ? {} : { pspName: pspNameOf(psp) }),
    ...(account === undefined ? {} : { pspAccount: pspAccountOf(account) }),
    ...(currencies === undefined ? {} : { currencies: currenciesOf(currencies) }),
    ...(maximum === undefined ? {} : { maximumAmountMinor: maximumOf(maximum) }),
  };
}

function pspNameOf(psp: string): string {
  const found = PSP_NAMES.find((name) => name === psp);
  if (found === undefined) {
    throw new TenantsArgumentError(`--psp must be ${PSP_NAMES.join(' or ')}, not "${psp}"`);
  }
  return found;
}

function pspAccountOf(account: string): string {
  const name = pspAccountName.safeParse(account);
  if (name.success) return name.data;
  throw new TenantsArgumentError(`--psp-account ${name.error.issues[0]?.message ?? ''}, not "${account}"`);
}

function currenciesOf(list: string): readonly string[] | 'all' {
  if (list === 'all') return 'all';
  const currencies = list.split(',').map((currency) => currency.trim().toLowerCase());
  const unknown = currencies.find((currency) => minorUnitDigits(currency) === undefined);
  if (unknown !== undefined) {
    throw new TenantsArgumentError(`--currencies: "${unknown}" is no currency that can be charged in`);
  }
  return [...new Set(currencies)];
}

function maximumOf(maximum: string): number {
  const number = Number(maximum);
  if (!/^\d+$/.test(maximum) || number < 1 || number > MAXIMUM_AMOUNT_MINOR) {
    throw new TenantsArgumentError(
      `--maximum-amount must be a whole number of minor units from 1 to ${MAXIMUM_AMOUNT_MINOR}, not "${maximum}"`,
    );
  }
  return number;
}

function apiKeyIdOf(key: string | undefined): string | undefined {
  if (key === undefined || API_KEY_ID.test(key)) return key;
  // It may be the key itself: it is not repeated into a terminal's or a build's log.
  throw new TenantsArgumentError('--key must be the id of a key as list shows it, never the key itself');
}

function secondsOf(argument: string, duration: string): number {
  if (duration === 'now') return 0;
  const [, number, unit = ''] = /^(\d{1,7})([smhd])$/.exec(duration) ?? [];
  const seconds = Number(number) * (SECONDS[unit] ?? NaN);
  if (!(seconds >= 0 && seconds <= LONGEST_OVERLAP_SECONDS)) {
    throw new TenantsArgumentError(
      `${argument} must be now, or up to 30d such as 90m, 24h or 7d, not "${duration}"`,
    );
  }
  return seconds;
}
