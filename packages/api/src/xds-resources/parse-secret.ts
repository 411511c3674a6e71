import { noOps } from '../convert/no-ops.ts'
import { convertSecret } from '../convert/tls-secrets.ts'
import { parseDocument } from '../document/parse-document.ts'
import { SecretSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts'
import { DiscoveryResponseSchema } from '../gen/envoy/service/discovery/v3/discovery_pb.ts'
import { formatProblem, type SecretConfig } from '../model/index.ts'
import { ProblemList } from '../schema/problem-list.ts'
import { readMessage } from '../schema/read-message.ts'
import { refuseUnread } from '../schema/refuse-unread.ts'
import { type ParsedResource, parseResource, type ResourceKind } from './parse-resource.ts'
import type { ResourceContext } from './resource-context.ts'

const SECRET: ResourceKind<SecretConfig> = { schema: SecretSchema, nameField: 'name', convert: convertSecret }

/** Reads an envoy.extensions.transport_sockets.tls.v3.Secret as strictly as a bootstrap; never throws. */
export function parseSecret(bytes: Uint8Array, context: ResourceContext): ParsedResource<SecretConfig> {
  return parseResource(SECRET, bytes, context)
}

/** The secrets of a file in Envoy's form, a DiscoveryResponse in YAML or JSON. Throws an Error with all that is wrong. */
export function parseSecretFile(text: string, fileName: string): readonly SecretConfig[] {
  const problems = new ProblemList(fileName)
  const source = parseDocument(text, problems)
  const secrets: SecretConfig[] = []
  if (source !== undefined && problems.errorCount === 0) {
    const response = readMessage({ problems, allowUnknownFields: false }, DiscoveryResponseSchema, source, '')
    response.text('version_info')
    response.text('type_url')
    for (const item of response.anyItems('resources')) {
      if (item.typeName !== SecretSchema.typeName || item.message === undefined)
        problems.refuse(item, `expected a Secret, got ${item.typeName}`)
      else secrets.push(...[convertSecret(item.message)].flatMap((each) => each ?? []))
    }
    refuseUnread(response, noOps)
  }
  const errors = problems.sorted().filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(formatProblem).join('; '))
  return secrets
}
