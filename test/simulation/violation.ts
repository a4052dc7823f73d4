/** Something that must never happen has happened; the name is that of the invariant in the protocol. */
export interface Violation {
  readonly invariant:
    | 'I1'
    | 'I2'
    | 'I3'
    | 'I4'
    | 'I5'
    | 'I6'
    | 'I7'
    | 'linearizability'
    | 'refusal'
    | 'retention'
    | 'defect'
    | 'bounds';
  readonly text: string;
}
