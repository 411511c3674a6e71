/** Certificates as pilot-agent gets them: a request to istiod's authority, with the token of a ServiceAccount. */

import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { ChannelCredentials, Client, Metadata } from '@grpc/grpc-js'
import * as x509 from '@peculiar/x509'
import type { Identity } from '../../harness/certificates.ts'
import { NAMESPACE } from './istio-resources.ts'
import type { Istiod } from './start-istiod.ts'

const METHOD = '/istio.v1.auth.IstioCertificateService/CreateCertificate'
const AUDIENCE = 'istio-ca'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const VALID_S = 3600
const CALL_MS = 20_000
/** Numbers of fields in istio.v1.auth. */
const FIELD = { csr: 1, validityDuration: 3, certChain: 1 } as const

export interface IssuedIdentity extends Identity {
  /** The root of the mesh, in PEM. */
  readonly root: string
}

/** Of a ServiceAccount that is made for it; who it is, istiod finds in its token alone. */
export async function issueByIstio({ kubernetes, port }: Istiod, account: string): Promise<IssuedIdentity> {
  kubernetes.kubectl(['create', 'serviceaccount', account, '-n', NAMESPACE])
  const token = kubernetes.kubectl(['create', 'token', account, '-n', NAMESPACE, `--audience=${AUDIENCE}`]).trim()
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'O=ignored',
    keys: keys as never,
    signingAlgorithm: ALGORITHM,
  })
  const chain = await createCertificate(port, token, csr.toString('pem'))
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`
  return { chain: chain.slice(0, -1).join(''), root: chain.at(-1) ?? '', privateKey }
}

function createCertificate(port: number, token: string, csr: string): Promise<readonly string[]> {
  const client = new Client(`127.0.0.1:${port}`, ChannelCredentials.createInsecure())
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
  const options = { deadline: Date.now() + CALL_MS }
  client.makeUnaryRequest(METHOD, encodeRequest, decodeResponse, csr, metadata, options, (error, chain) => {
    client.close()
    if (error !== null || chain === undefined) reject(error ?? new Error('no certificate'))
    else resolve(chain)
  })
  return promise
}

function encodeRequest(csr: string): Buffer {
  const writer = new BinaryWriter().tag(FIELD.csr, 2).string(csr).tag(FIELD.validityDuration, 0).int64(VALID_S)
  return Buffer.from(writer.finish())
}

/** Its own certificate first, the root last. */
function decodeResponse(bytes: Buffer): readonly string[] {
  const reader = new BinaryReader(bytes)
  const chain: string[] = []
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field === FIELD.certChain) chain.push(reader.string())
    else reader.skip(wireType)
  }
  return chain
}
