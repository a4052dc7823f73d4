import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** What a TLS server needs, as PEM. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

export interface CertificateSubject {
  /** DNS name: the common name and the only alternative name. */
  readonly name: string;
  /** Now, in milliseconds since the epoch. */
  readonly nowEpochMs: number;
}

const VALIDITY_DAYS = 397;
const DAY_MS = 86_400_000;
/** Clocks of the two sides may differ. */
const BACKDATED_MS = DAY_MS;

/** Tags of DER (X.690); the numbers of context-specific ones are RFC 5280's. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  generalizedTime: 0x18,
  utcTime: 0x17,
  version: 0xa0,
  extensions: 0xa3,
  dnsName: 0x82,
} as const;

/** Object identifiers, already encoded: RFC 5758 (ECDSA with SHA-256), X.520 and RFC 5280. */
const OID = {
  ecdsaWithSha256: '2a8648ce3d040302',
  commonName: '550403',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  subjectAlternativeName: '551d11',
  serverAuthentication: '2b06010505070301',
} as const;

/**
 * Makes a key on P-256 and a certificate for it, signed by itself (RFC 5280). It encrypts the way from the load
 * balancer to the task and proves nothing about the task: an ALB does not verify its targets' certificates
 * ("Target groups for your Application Load Balancers", Elastic Load Balancing). What keeps others off that way is
 * the task's security group. The key never leaves the process and ends with it.
 */
export function selfSignedCertificate({ name, nowEpochMs }: CertificateSubject): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(TAG.sequence, oid(OID.ecdsaWithSha256));
  const distinguishedName = der(
    TAG.sequence,
    der(TAG.set, der(TAG.sequence, oid(OID.commonName), der(TAG.utf8String, Buffer.from(name)))),
  );
  const toBeSigned = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, serialNumber()),
    algorithm,
    distinguishedName,
    der(TAG.sequence, time(nowEpochMs - BACKDATED_MS), time(nowEpochMs + VALIDITY_DAYS * DAY_MS)),
    distinguishedName,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(TAG.extensions, der(TAG.sequence, ...extensions(name))),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = der(TAG.sequence, toBeSigned, algorithm, bitString(signature, 0));
  return {
    key: pem('PRIVATE KEY', privateKey.export({ format: 'der', type: 'pkcs8' })),
    cert: pem('CERTIFICATE', certificate),
  };
}

function extensions(name: string): Buffer[] {
  const digitalSignature = Buffer.from([0x80]);
  return [
    // An empty sequence: not a certificate authority.
    extension(OID.basicConstraints, der(TAG.sequence), true),
    extension(OID.keyUsage, bitString(digitalSignature, 7), true),
    extension(OID.extendedKeyUsage, der(TAG.sequence, oid(OID.serverAuthentication))),
    extension(OID.subjectAlternativeName, der(TAG.sequence, der(TAG.dnsName, Buffer.from(name)))),
  ];
}

function extension(identifier: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [der(TAG.boolean, Buffer.from([0xff]))] : [];
  return der(TAG.sequence, oid(identifier), ...flag, der(TAG.octetString, value));
}

/** Positive, of 16 bytes: the top bits are fixed so that DER needs neither padding nor shortening. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes;
}

/** RFC 5280, section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
function time(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replace(/\.\d+Z$|[-:T]/g, '');
  return digits < '2050'
    ? der(TAG.utcTime, Buffer.from(`${digits.slice(2)}Z`))
    : der(TAG.generalizedTime, Buffer.from(`${digits}Z`));
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return der(TAG.bitString, Buffer.from([unusedBits]), bytes);
}

function oid(encodedHex: string): Buffer {
  return der(TAG.objectIdentifier, Buffer.from(encodedHex, 'hex'));
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(content), content]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
