import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { SynthesisedStack } from '../support/synthesised-stages.ts';
import { at, asList } from './rules/template-values.ts';

/** A control of AWS Control Tower that a resource does not meet. */
export interface GuardFinding {
  /** Such as `CT.SQS.PR.1`. */
  readonly control: string;
  readonly region: string;
  readonly stack: string;
  readonly logicalId: string;
}

const PACKAGE = '@cdklabs/cdk-validator-cfnguard';
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024;
/** Exit codes of cfn-guard that mean findings. */
const FINDINGS = [5, 19];

/** Asks AWS's `cfn-guard`, with the proactive controls of AWS Control Tower, about a stack's template. */
export function guardFindings(stack: SynthesisedStack): GuardFinding[] {
  const folder = mkdtempSync(path.join(tmpdir(), 'charge-once-guard-'));
  try {
    const home = packageFolder();
    const template = path.join(folder, 'stack.template.json');
    writeFileSync(template, JSON.stringify({ Resources: withoutOutputs(stack.resources) }));
    const rules = rulesFor(path.join(home, 'rules'), stack).flatMap((file) => ['--rules', file]);
    if (rules.length === 0) return [];
    const { status, stdout, stderr, error } = spawnSync(
      binary(home),
      [
        'validate',
        '--data',
        template,
        ...rules,
        '--output-format',
        'json',
        '--structured',
        '--show-summary',
        'none',
      ],
      { encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES },
    );
    if (error !== undefined) throw error;
    if (status !== 0 && !FINDINGS.includes(status ?? -1)) {
      throw new Error(`cfn-guard ended with ${status ?? 'a signal'}: ${stderr}`);
    }
    return (JSON.parse(stdout) as unknown[]).flatMap((report) => findingsOf(report, stack));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function packageFolder(): string {
  try {
    return path.dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  } catch (cause) {
    throw new Error(`The templates were not checked by cfn-guard: ${PACKAGE} is not installed.`, { cause });
  }
}

function binary(home: string): string {
  const platform = process.platform === 'darwin' ? 'macos' : 'ubuntu';
  return path.join(home, 'bin', platform, process.arch === 'arm64' ? 'aarch64' : 'x86_64', 'cfn-guard');
}

/** The rules that have something to say about one of the stack's types: each takes its time. */
function rulesFor(folder: string, { resources }: SynthesisedStack): string[] {
  const types = new Set(Object.values(resources).map(({ Type }) => Type));
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.guard'))
    .map((file) => path.join(folder, file))
    .filter((file) => {
      const mentioned = readFileSync(file, 'utf8').match(/AWS::\w+::\w+/g) ?? [];
      return mentioned.some((type) => types.has(type));
    });
}

/** The rules take strings and references within a template, but do not know references to other stacks. */
function withoutOutputs(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutOutputs);
  const output = at(value, 'Fn::GetStackOutput', 'OutputName');
  if (typeof output === 'string') return `arn:aws:cloudformation:us-east-1:111122223333:${output}`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutOutputs(item)]));
}

function findingsOf(report: unknown, { region, name }: SynthesisedStack): GuardFinding[] {
  return asList(at(report, 'not_compliant')).flatMap((rule) => {
    const text = JSON.stringify(rule);
    const control = /\[(CT\.[A-Z0-9.]+)\]/.exec(text)?.[1] ?? String(at(rule, 'Rule', 'name'));
    const logicalIds = new Set(
      [...text.matchAll(/"path":"\/Resources\/([^/"]+)/g)].map((match) => match[1] ?? ''),
    );
    return [...logicalIds].map((logicalId) => ({ control, region, stack: name, logicalId }));
  });
}
