import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';

import { ApiClient, chargeBody, newKey } from '../support/api-client.ts';
import { installedBrowser, openPage, startBrowser } from '../support/headless-browser.ts';
import { startLocalRun, type LocalRun } from '../support/local-run.ts';
import { netCharged, pspRecordsOf } from '../support/psp-records.ts';

const executablePath = installedBrowser();
if (executablePath === undefined) {
  process.stderr.write(
    'NOT TESTED: the console page. There is no Chromium on this machine (CHROMIUM can name one).\n',
  );
}
/** What a page may take on a machine that does much else. */
const WITHIN_MS = 120_000;

let dataDir: string;
let run: LocalRun;
let origin: string;
let token: string;

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'charge-once-console-'));
  await chmod(dataDir, 0o755);
  const environment = { CONSOLE: 'on', PSP_TIMEOUT_MS: '3000', LEASE_MS: '6000', SLOW_MS: '2000' };
  run = await startLocalRun({ dataDir, environment });
  const url = new URL(run.endpoints().consoleUrl ?? '');
  origin = url.origin;
  token = url.hash.slice(1);
}, 90_000);

afterAll(async () => {
  try {
    await run.stop();
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}, 60_000);

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** By node:http, because fetch does not let a caller choose Host and Origin. */
function ask(route: string, { method = 'GET', headers = {}, body }: Sent = {}) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const json = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const sent = request(`${origin}${route}`, { method, headers: { ...json, ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const holder = () => ({ Authorization: `Bearer ${token}` });

describe('the console of the local run', () => {
  it('is announced by npm start', () => {
    expect(run.lines.find((line) => line.trim().startsWith('console '))).toContain(`${origin}/#${token}`);
  });

  it('shows and does nothing without the token of this start', async () => {
    expect((await ask('/api/view')).status).toBe(401);
    const wrong = { Authorization: `Bearer ${token}x` };
    expect((await ask('/api/view', { headers: wrong })).status).toBe(401);
    expect((await ask('/api/tasks/kill', { method: 'POST', body: {} })).status).toBe(401);
    expect((await ask('/api/view', { headers: holder() })).status).toBe(200);
    expect((await ask('/')).text).not.toContain(token);
  });

  it('refuses a page that was rebound to its address, and one of another origin, even with the token', async () => {
    expect((await ask('/', { headers: { Host: 'evil.example' } })).status).toBe(421);
    const foreign = { ...holder(), Origin: 'http://evil.example' };
    const body = { name: 'gateway-1', pid: 1 };
    expect((await ask('/api/tasks/kill', { method: 'POST', headers: foreign, body })).status).toBe(403);
    expect((await ask('/api/view', { headers: { ...holder(), Host: 'evil.example' } })).status).toBe(421);
  });

  it('kills tasks of the gateway and no other process', async () => {
    const { pids, launcherPid } = run.endpoints();
    const others = {
      sweeper: pids.sweeper,
      'gateway-1': launcherPid,
      'psp-simulator': pids['psp-simulator'],
    };
    for (const [name, pid] of Object.entries(others)) {
      const answer = await ask('/api/tasks/kill', { method: 'POST', headers: holder(), body: { name, pid } });
      expect(answer.status).toBe(409);
    }
    expect(run.endpoints().pids).toEqual(pids);
  });

  it('hands on neither passwords nor API keys, and says which field of a request is wrong', async () => {
    const { text } = await ask('/api/view', { headers: holder() });
    const [databaseUrl = ''] = run.endpoints().databaseUrls;
    const secrets = [new URL(databaseUrl).password, 'demo_tenant', 'sk_test', token];
    for (const secret of secrets) expect(text.includes(secret)).toBe(false);
    const body = {
      tenantId: 'tenant_a',
      amountMinor: 1,
      currency: 'usd',
      paymentMethod: 'pm_x',
      copies: 999,
    };
    const refused = await ask('/api/charges', { method: 'POST', headers: holder(), body });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('copies');
  });
});

(executablePath === undefined ? describe.skip : describe)('the page of the console, in a browser', () => {
  let browser: Browser;
  let page: Page;
  let errors: readonly string[];

  beforeAll(async () => {
    browser = await startBrowser(executablePath ?? '');
    ({ page, errors } = await openPage(browser, `${origin}/#${token}`));
  }, WITHIN_MS);

  afterAll(() => browser.close());

  const pane = () => page.locator('.pane');
  const column = (name: string) => page.locator(`[data-column="${name}"] li`);
  const selectedId = () => page.locator('[aria-current="true"]').getAttribute('data-charge');
  const atPsp = async () => pspRecordsOf(run.endpoints().pspUrl, (await selectedId()) ?? '');

  it(
    'takes a newcomer by the keyboard from the first sight to a charge that is settled, out and archived',
    async () => {
      const first = page.getByRole('button', { name: 'Send a first charge' });
      await first.focus();
      await page.keyboard.press('Enter');
      await page
        .getByText('Charged once at the PSP, settled in the ledger, one event out, archived.')
        .waitFor();

      expect(await column('ledger').count()).toBe(2);
      expect(await column('events').count()).toBe(1);
      expect(await column('psp').count()).toBe(1);
      expect(await column('archive').count()).toBe(2);
      expect(netCharged(await atPsp())).toBe(1999);
      await page.getByText('order ✓').waitFor();
    },
    WITHIN_MS,
  );

  it(
    'shows that duplicates, one or ten at once, get the same bytes and charge nobody',
    async () => {
      await page.getByRole('button', { name: 'Send it again' }).click();
      await page.locator('[data-kind="again"]').getByText('same bytes').waitFor();
      await page.getByRole('button', { name: '10 times at once' }).click();
      await page.locator('[data-kind="at-once"]').getByText('same bytes').first().waitFor();
      await page.getByRole('button', { name: 'Same key, another amount' }).click();
      await page.locator('[data-kind="other-amount"]').getByText('422').waitFor();
      await page.locator('.verdict.settled').waitFor();

      expect(await page.getByText('other bytes').count()).toBe(0);
      expect(await column('psp').count()).toBe(1);
      expect(await column('events').count()).toBe(1);
      expect(await atPsp()).toHaveLength(1);
    },
    WITHIN_MS,
  );

  it(
    'kills the task of a charge while the PSP is asked, and shows another run finishing it',
    async () => {
      const { gatewayPids } = run.endpoints();
      await page.getByLabel('What the PSP does').selectOption('pm_sim_slow');
      await page.getByRole('textbox', { name: 'Amount' }).fill('75.00');
      await page.getByLabel('kill -9 its task while the PSP is asked').check();
      await page.getByRole('button', { name: 'Send charge' }).click();
      await pane().getByRole('heading', { name: '75.00 USD' }).waitFor();
      await page.locator('[data-kind="kill"]').waitFor();
      await page.locator('.verdict.waiting').getByText('Its lease runs out in').waitFor();
      await page.getByText(/Another run \(epoch 2\) finished/).waitFor();

      expect(run.endpoints().gatewayPids).not.toEqual(gatewayPids);
      expect(await atPsp()).toHaveLength(1);
      expect(netCharged(await atPsp())).toBe(7500);
      expect(await column('psp').count()).toBe(1);
    },
    WITHIN_MS,
  );

  it(
    'shows what a client wrote as text, whatever it is, and lets a charge of curl be watched',
    async () => {
      const description = '<img src=x onerror="document.title = 1"><b>bold</b>';
      const client = new ApiClient({ url: run.url, apiKey: 'demo_tenant_b_key' });
      const answer = await client.charge(newKey(), { ...chargeBody('pm_card_chargeDeclined'), description });
      const { charge } = JSON.parse(answer.text) as { charge: { id: string } };
      await page.locator(`[data-charge="${charge.id}"]`).click();
      await pane().getByText(description).waitFor();
      await page.locator('.verdict.declined').waitFor();

      expect(await pane().locator('img').count()).toBe(0);
      expect(await page.title()).toBe('charge-once · local console');
      expect(await column('psp').filter({ hasText: 'succeeded' }).count()).toBe(0);
    },
    WITHIN_MS,
  );

  it(
    'says what to do where the address has no token',
    async () => {
      const { page: other } = await openPage(browser, `${origin}/`);
      await other.getByRole('heading', { name: 'This address has no key' }).waitFor();
      await other.close();
    },
    WITHIN_MS,
  );

  it('runs without an error and within its own security policy', () => {
    expect(errors).toEqual([]);
  });
});
