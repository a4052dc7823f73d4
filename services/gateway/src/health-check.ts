import { request } from 'node:https';
import { env } from 'node:process';

/**
 * The container's health check: ends with 0 if the gateway in the same container answers that it is alive. It asks
 * for life, not for readiness: a task that drains is not to be killed.
 */
const TIMEOUT_MS = 3_000;

const alive = await new Promise<boolean>((resolve) => {
  request(
    {
      host: '127.0.0.1',
      port: env.PORT,
      path: '/livez',
      timeout: TIMEOUT_MS,
      // The certificate is made by the process that is asked, and the question does not leave the container.
      rejectUnauthorized: false,
    },
    (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    },
  )
    .on('timeout', () => resolve(false))
    .on('error', () => resolve(false))
    .end();
});
process.exit(alive ? 0 : 1);
