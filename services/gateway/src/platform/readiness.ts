/** Whether this task can take new charges. Never red because one PSP is: that is the circuit's part. */
export interface Readiness {
  isReady(): boolean;
}
