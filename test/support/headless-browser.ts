import { existsSync } from 'node:fs';

import { chromium, type Browser, type Page } from 'playwright-core';

/** Where Debian and others put it; CHROMIUM names another. */
const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
/** What a page may take on a machine that does much else. */
const PATIENCE_MS = 60_000;

/** The browser of this machine; undefined where there is none. */
export function installedBrowser(): string | undefined {
  return PLACES.find((place) => place !== undefined && existsSync(place));
}

export async function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    // Chromium refuses to sandbox what root starts; /dev/shm is small in a container.
    args: ['--disable-dev-shm-usage', '--disable-gpu', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  });
}

/** A page as large as a small laptop's, that notes what goes wrong in it. */
export async function openPage(
  browser: Browser,
  url: string,
): Promise<{ readonly page: Page; readonly errors: readonly string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(PATIENCE_MS);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(url);
  return { page, errors };
}
