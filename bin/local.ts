import { runLocally } from '#local-cloud/run-locally';

/** `npm start`: the whole product on this machine. */
await runLocally(process.env);
