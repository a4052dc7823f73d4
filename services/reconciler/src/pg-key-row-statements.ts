import type { Pool } from 'pg';

import type { StatementParameters, StatementValue } from './key-row-statements.ts';
import type { KeyRowStatements } from './statement-key-row-shard.ts';

/** KeyRowStatements over a pool of `pg`, whose owner closes it. */
export class PgKeyRowStatements implements KeyRowStatements {
  readonly name: string;
  readonly #pool: Pool;

  constructor(name: string, pool: Pool) {
    this.name = name;
    this.#pool = pool;
  }

  async run(statement: string, parameters: StatementParameters): Promise<readonly Record<string, unknown>[]> {
    const { rows } = await this.#pool.query<Record<string, unknown>>(positional(statement, parameters));
    return rows;
  }
}

/** `$1`, `$2` in the place of the names. @throws RangeError for a name without a value */
function positional(
  statement: string,
  parameters: StatementParameters,
): { text: string; values: StatementValue[] } {
  const values: StatementValue[] = [];
  const text = statement.replace(/:([a-z_]+)/g, (_, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new RangeError(`parameter ${name} has no value`);
    values.push(value);
    return `$${values.length}`;
  });
  return { text, values };
}
