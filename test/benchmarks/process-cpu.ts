import { readFileSync } from 'node:fs';

/** Of Linux on every architecture that Node runs on: the unit of the times in /proc. */
const TICK_MS = 10;

/** CPU time that a process has used since its start, in user and kernel mode, to 10 ms. Linux only. */
export function processCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may hold spaces; utime and stime are the 14th and 15th field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
