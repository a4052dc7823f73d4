import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { z } from 'zod';

import { DEMO_TENANTS } from '#local-cloud/demo-tenants';

import type { ArchiveVerification } from './archive-verification.ts';
import { type ConsoleActions, ConsoleRequestError } from './console-actions.ts';
import type { ConsoleOverview } from './console-overview.ts';
import { NoSuchTaskError } from './gateway-tasks.ts';
import { servePage } from './page-files.ts';
import { PSP_FAULTS, type PspObserver } from './psp-observer.ts';
import { requireOwnOrigin, requireToken } from './request-guard.ts';
import { SCENARIO_GROUPS } from './scenarios.ts';

const MOST_COPIES = 50;
const MAX_BODY = '16kb';

const chargeId = z.string().regex(/^ch_[0-9a-f]{32}$/, 'must be the id of a charge');
const copies = z.int().min(1).max(MOST_COPIES).default(1);
// The gateway decides what can be charged: what it refuses is worth seeing too.
const newCharge = z.strictObject({
  tenantId: z.string(),
  amountMinor: z.number(),
  currency: z.string().max(16),
  paymentMethod: z.string().max(512),
  description: z.string().max(2_000).optional(),
  copies,
  killAtPsp: z.boolean().default(false),
});
const repeat = z.strictObject({ copies, amountMinor: z.number().optional() });
const task = z.strictObject({ name: z.string(), pid: z.int() });
const pspFault = z.strictObject({ fault: z.enum(PSP_FAULTS) });

export interface ConsoleAppOptions {
  readonly port: number;
  readonly token: string;
  readonly overview: ConsoleOverview;
  readonly actions: ConsoleActions;
  readonly verification: ArchiveVerification;
  readonly psp: PspObserver | undefined;
}

/** The console over HTTP: the page for whoever asks on this machine, all else for the holder of the token. */
export function createConsoleApp(options: ConsoleAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(requireOwnOrigin(options.port));
  servePage(app);
  app.use('/api', requireToken(options.token), express.json({ limit: MAX_BODY }));
  addReadRoutes(app, options);
  addActionRoutes(app, options);
  app.use((_request: Request, response: Response) => {
    response.status(404).json({ error: 'there is nothing here' });
  });
  app.use(answerErrors);
  return app;
}

function addReadRoutes(app: Express, { overview }: ConsoleAppOptions): void {
  app.get('/api/choices', (_request, response) => {
    const tenants = DEMO_TENANTS.map(({ tenantId, pspName }) => ({ tenantId, pspName }));
    response.json({ tenants, scenarioGroups: SCENARIO_GROUPS, pspFaults: PSP_FAULTS });
  });
  app.get('/api/view', async (request, response) => {
    const selected = chargeId.optional().parse(request.query.charge);
    response.json(await overview.view(selected));
  });
}

function addActionRoutes(app: Express, { actions, verification, psp }: ConsoleAppOptions): void {
  app.post('/api/charges', (request, response) => {
    response.status(202).json({ id: actions.sendCharge(newCharge.parse(request.body)) });
  });
  app.post('/api/charges/:id/repeat', (request, response) => {
    actions.repeat(chargeId.parse(request.params.id), repeat.parse(request.body));
    response.status(202).json({});
  });
  app.post('/api/charges/:id/kill', (request, response) => {
    actions.killTaskOf(chargeId.parse(request.params.id));
    response.status(202).json({});
  });
  app.post('/api/tasks/kill', (request, response) => {
    actions.killTask(task.parse(request.body));
    response.status(202).json({});
  });
  app.post('/api/psp-fault', async (request, response) => {
    const { fault } = pspFault.parse(request.body);
    if (psp === undefined) throw new ConsoleRequestError('the PSP of this run is not the simulator');
    await psp.setFault(fault);
    response.status(202).json({});
  });
  app.post('/api/verification', (_request, response) => {
    verification.start();
    response.status(202).json({});
  });
}

const answerErrors: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const { status, message } = problemOf(error);
  response.status(status).json({ error: message });
};

function problemOf(error: unknown): { status: number; message: string } {
  if (error instanceof z.ZodError) {
    const text = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    return { status: 400, message: text };
  }
  if (error instanceof ConsoleRequestError) return { status: 409, message: error.message };
  if (error instanceof NoSuchTaskError) return { status: 409, message: error.message };
  const { status, expose } = error as { status?: unknown; expose?: unknown };
  if (typeof status === 'number' && expose === true) return { status, message: (error as Error).message };
  // A part of the run is away or being started again. Its name is enough: an address may hold a password.
  const name = error instanceof Error ? error.name : 'Error';
  return { status: 503, message: `a part of the local run does not answer (${name})` };
}
