import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from 'playwright-core';

import { installedBrowser, openPage, startBrowser } from '../support/headless-browser.ts';
import { startLocalRun } from '../support/local-run.ts';

/**
 * `npm run console:screenshots`: makes the pictures of the console in docs/ anew, from a local run of its own.
 *
 *     node test/console/screenshots.ts [folder]
 */
const folder = process.argv[2] ?? fileURLToPath(new URL('../../docs/', import.meta.url));

const executablePath = installedBrowser();
if (executablePath === undefined) throw new Error('no Chromium is installed; CHROMIUM can name one');
const dataDir = await mkdtemp(path.join(tmpdir(), 'charge-once-screenshots-'));
await chmod(dataDir, 0o755);
const run = await startLocalRun({
  dataDir,
  environment: { CONSOLE: 'on', LEASE_MS: '15000', SLOW_MS: '3000' },
});
const browser = await startBrowser(executablePath);
try {
  const { page, errors } = await openPage(browser, run.endpoints().consoleUrl ?? '');
  await takePictures(page);
  if (errors.length > 0) throw new Error(errors.join('\n'));
} finally {
  await browser.close();
  await run.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function takePictures(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Send a first charge' }).waitFor();
  await picture(page, 'console-welcome');
  await send(page, 'pm_card_chargeDeclinedInsufficientFunds', '49.00');
  await page.locator('.pane .pill.declined').waitFor();
  await send(page, 'pm_sim_partial_approval', '120.00');
  await page.locator('.pane .pill.voided').waitFor();
  await send(page, 'pm_sim_error_after_charge', '8.50');
  await page.locator('.pane .pill.settled').waitFor();
  await page.getByText('order ✓').waitFor();
  await send(page, 'pm_card_visa', '19.99');
  await page.locator('.pane .pill.settled').waitFor();
  await page.getByRole('button', { name: 'Send it again' }).click();
  await page.getByText('same bytes').waitFor();
  await page.getByRole('button', { name: '10 times at once' }).click();
  await page.getByText('× 10').waitFor();
  await page.getByRole('button', { name: 'Same key, another amount' }).click();
  await page.locator('[data-kind="other-amount"] .status').waitFor();
  await page.locator('[data-stage="archived"].done').waitFor();
  await picture(page, 'console-settled');
  await page.getByLabel('kill -9 its task while the PSP is asked').check();
  await send(page, 'pm_sim_slow', '75.00');
  await page.locator('.verdict.waiting').waitFor();
  await page.locator('.task .lamp.off').waitFor({ state: 'detached' });
  await picture(page, 'console-killed');
  await page.locator('.pane .pill.settled').waitFor();
  await page.locator('[data-stage="archived"].done').waitFor();
  await picture(page, 'console-recovered');
  await page.locator('.charge').filter({ hasText: '120.00 USD' }).click();
  await page.locator('.pane h1').filter({ hasText: '120.00 USD' }).waitFor();
  await picture(page, 'console-voided');
}

async function send(page: Page, paymentMethod: string, amount: string): Promise<void> {
  await page.getByLabel('What the PSP does').selectOption(paymentMethod);
  await page.getByRole('textbox', { name: 'Amount' }).fill(amount);
  await page.getByRole('button', { name: 'Send charge' }).click();
  await page
    .locator('.pane h1')
    .filter({ hasText: `${amount} USD` })
    .waitFor();
}

async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled' });
}
